"""What the committing thread does with a group of change sets: commits it, tells the log of the process, publishes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog
from django.db import DatabaseError, close_old_connections

from inventory import database
from inventory.changes import ChangeSet
from inventory.errors import InventoryUnavailable, LeadershipLost
from inventory.leader import Answer, Leader
from inventory.log import Commit
from inventory.server.health import Health

_LOG = structlog.get_logger(__name__)


class Committer:
    """Commits to ``leader``; ``published`` is called when readers see it, ``lost`` when leadership is lost.

    While the database, of which ``health`` tells, is known to be away, all are refused at once.
    """

    def __init__(
        self, leader: Leader, published: Callable[[], None], lost: Callable[[str], None], health: Health
    ) -> None:
        self._leader, self._published, self._lost, self._database = leader, published, lost, health

    def commit(self, group: Sequence[ChangeSet]) -> list[Answer]:
        """The answer to each of ``group``; those that were committed are durable. Raises what became of all of them."""
        started = time.perf_counter()
        self._database.require()
        close_old_connections()
        try:
            answers = self._leader.append(group)
        except LeadershipLost as error:
            self._lost(str(error))
            raise
        except DatabaseError as error:
            if database.trouble(error) in database.LASTING:
                self._database.failed(error)
            _LOG.error("inventory_commit_failed", change_sets=len(group), reason=database.reason(error))
            raise InventoryUnavailable(f"{database.reason(error)}; nothing was changed; try again") from error
        for changes, answer in zip(group, answers, strict=True):
            _tell(changes, answer, time.perf_counter() - started)
        return answers

    def publish(self) -> None:
        """Have readers see what is committed."""
        try:
            self._leader.publish()
        except LeadershipLost as error:
            self._lost(str(error))
        else:
            self._published()


def _tell(changes: ChangeSet, answer: Answer, seconds: float) -> None:
    about = {"transaction": changes.transaction, "author": changes.author, "run": changes.run}
    if isinstance(answer, Commit):
        _LOG.info("inventory_commit", version=answer.version, milliseconds=round(1000 * seconds), **about)
    else:
        _LOG.warning("inventory_commit_refused", error=str(answer), **about)
