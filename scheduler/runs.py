"""What components call: a run that reads the inventory, or one that has its turn to write it.

    with writer("detox", {"partition": "Physics"}, author="alice") as run:
        plan = decide(run.snapshot())
        run.commit(run.changes().delete("dataset_replicas", plan))

Leaving the block without an error ends the run as done; an error ends it as failed and passes on. Either way the turn
goes to the next in the queue. What a run did not commit does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from scheduler import applock, fence, record
from scheduler.models import Run
from scheduler.settings import scheduler_settings
from scheduler.tenure import Tenure

if TYPE_CHECKING:
    from inventory.changes import ChangeSet
    from inventory.client import Commit
    from inventory.snapshot import Snapshot


class ReaderRun:
    """A run that looks: any number of them go at the same time, each on the version it opened."""

    def __init__(self, row: Run, tenure: Tenure, log_lines: int) -> None:
        self._row, self._tenure, self._log = row, tenure, record.Log(row, log_lines)

    @property
    def id(self) -> int:
        """Number of the run, as operators see it."""
        return int(self._row.pk)

    def snapshot(self) -> Snapshot:
        """The newest version of the inventory. Raises InventoryUnavailable."""
        from inventory import client

        snapshot = client.snapshot(at_least=self._oldest())
        record.read(self._row, snapshot.version)
        return snapshot

    def _oldest(self) -> int | None:
        return None

    def log(self, text: str) -> None:
        """Add a line to the run's log (also to the process's); beyond the limit only the process's gets it."""
        self._log.add(text)

    def check(self) -> None:
        """Raise :class:`RunKilled` when an operator ended this run."""
        self._tenure.check()


class WriterRun(ReaderRun):
    """A run that has its turn: nobody else can commit until it ends."""

    @property
    def token(self) -> int:
        """Fencing token of this turn: larger than every earlier one's."""
        return self._tenure.token

    def _oldest(self) -> int | None:
        # Everything committed: a decision to write must not rest on a copy that is a moment late.
        return fence.log_end()

    def changes(self, transaction: str | None = None) -> ChangeSet:
        """An empty change set in this run's name; sent twice with the same ``transaction`` it is applied once."""
        from inventory.changes import ChangeSet

        named: dict[str, Any] = {} if transaction is None else {"transaction": transaction}
        row = self._row
        return ChangeSet(row.author, self.token, service=row.service or row.application, run=str(row.pk), **named)

    def commit(self, changes: ChangeSet) -> Commit:
        """Have ``changes`` applied as a whole. Raises ChangeRefused, TurnLost (also RunKilled), InventoryUnavailable."""
        from inventory import client

        if changes.token != self.token:
            raise ValueError(f"change set with token {changes.token} in run {self.id} with token {self.token}")
        self.check()
        commit = client.commit(changes)
        record.wrote(self._row, commit.version)
        return commit


@contextmanager
def writer(
    application: str,
    arguments: dict[str, Any],
    author: str,
    *,
    wait: float | None = None,
    priority: int = 0,
    service: str = "",
    waiting: Callable[[str], None] = lambda text: None,
) -> Iterator[WriterRun]:
    """A run with the turn to write, waited for at most ``wait`` seconds (None: as long as it takes).

    Higher ``priority`` goes first; ``waiting`` is told now and then who has the turn meanwhile. Raises :class:`TurnBusy` (who has it), ApplicationLocked, QueueUnavailable.
    """
    applock.require_free(application, author)
    settings = scheduler_settings()
    row = record.opened(application, arguments, author, service, writes=True)
    with _bound(row), record.ended(row), Tenure(row, settings) as tenure:
        row.token = tenure.take_turn(priority, wait, waiting)
        record.started(row)
        yield WriterRun(row, tenure, settings.log_lines)


@contextmanager
def reader(application: str, arguments: dict[str, Any], author: str, *, service: str = "") -> Iterator[ReaderRun]:
    """A run that only looks; it waits for nobody. Raises ApplicationLocked."""
    applock.require_free(application, author)
    settings = scheduler_settings()
    row = record.opened(application, arguments, author, service, writes=False)
    with _bound(row), record.ended(row), Tenure(row, settings) as tenure:
        record.started(row)
        yield ReaderRun(row, tenure, settings.log_lines)


@contextmanager
def _bound(row: Run) -> Iterator[None]:
    """Every log line of this process names the run while it lasts."""
    with structlog.contextvars.bound_contextvars(run=row.pk, application=row.application):
        yield
