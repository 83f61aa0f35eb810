"""The one that writes: resolves change sets against the newest version, appends them to the log, and has the next version.

Knows no network and no threads but one lock: the server (``server/``) and tests put it to use. Change sets come in groups:
each is resolved on what those before it made, all are appended in one transaction, and one version is published of them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DatabaseError

from inventory import database, log
from inventory.changes import ChangeSet
from inventory.drafting import Draft
from inventory.errors import InventoryError, InventoryUnavailable, LeadershipLost, OutcomeUnknown, VersionGone
from inventory.image import Image
from inventory.log import Commit
from inventory.snapshot import Snapshot

KEPT_VERSIONS = 16
"""Versions that readers can still ask for by number."""

Answer = Commit | InventoryError
"""What becomes of one change set of a group."""


def _clock() -> int:
    return int(time.time())


class Leader:
    """Leads with ``epoch`` from ``image`` on. ``publish`` is told each new version that readers shall see, and returns it
    as it shall be held (e.g. memory-mapped); ``announce`` is told before that, and before the answer, which one is committed.
    """

    def __init__(
        self, epoch: int, image: Image, next_ids: dict[str, int],
        publish: Callable[[Image], Image] = lambda image: image, clock: Callable[[], int] = _clock,
        announce: Callable[[int], None] = lambda version: None,
    ) -> None:  # fmt: skip
        self.epoch = epoch
        self.clock = clock
        self._publish, self._announce = publish, announce
        self._lock = threading.Lock()
        self._shown = threading.Condition()
        self._failed = False
        self._unsure: frozenset[str] = frozenset()
        used = image.next_ids()
        free = {name: max(first, next_ids.get(name, 1)) for name, first in used.items()}
        self._images = deque([publish(image)], maxlen=KEPT_VERSIONS)
        self._head = Draft(self.image, free)

    @property
    def image(self) -> Image:
        """The newest version that readers see."""
        return self._images[-1]

    def snapshot(self, at_least: int | None = None, version: int | None = None, wait: float = 0.0) -> Snapshot:
        """The newest version, or the one with the number ``version``. Raises VersionGone, and InventoryUnavailable if
        ``at_least`` is not there within ``wait`` seconds.
        """
        if version is None:
            wanted = at_least or 0
            with self._shown:
                if not self._shown.wait_for(lambda: self.image.version >= wanted, wait):
                    raise InventoryUnavailable(f"version {wanted} is not there yet: the newest is {self.image.version}")
            return self.image.snapshot()
        for image in tuple(self._images):
            if image.version == version:
                return image.snapshot()
        raise VersionGone(f"version {version} is not kept; the newest is {self.image.version}")

    def commit(self, changes: ChangeSet) -> Commit:
        """Apply ``changes`` as a whole, once, seen by readers at once. Raises ChangeRefused, TurnLost, LeadershipLost,
        InventoryUnavailable, OutcomeUnknown; after a DatabaseError nothing is changed.
        """
        with self._lock:
            (answer,) = self._append([changes])
            self._show()
        if isinstance(answer, Commit):
            return answer
        raise answer

    def append(self, group: Sequence[ChangeSet]) -> list[Answer]:
        """Make each of ``group`` durable as a whole, once, in order, or tell why not; what is refused hinders no other.

        Readers see them after :meth:`publish`. Raises LeadershipLost, InventoryUnavailable, OutcomeUnknown for all of
        them; after a DatabaseError nothing is changed.
        """
        with self._lock:
            return self._append(group)

    def publish(self) -> None:
        """Have readers see what is appended. Raises LeadershipLost."""
        with self._lock:
            self._show()

    def status(self) -> dict[str, Any]:
        """Version, epoch, and number of rows by table."""
        image = self.image
        return {"version": image.version, "time": image.time, "epoch": self.epoch, "counts": image.counts()}

    @property
    def committed(self) -> int:
        """The newest version, which readers may see only in a moment."""
        return self._head.version

    @property
    def in_doubt(self) -> bool:
        """Whether the database has not told yet what became of a commit."""
        return bool(self._unsure)

    def settle(self) -> None:
        """Learn what became of a commit that the database gave no answer to. Raises DatabaseError, LeadershipLost."""
        with self._lock:
            self._catch_up()

    def _append(self, group: Sequence[ChangeSet]) -> list[Answer]:
        if self._failed:
            raise InventoryUnavailable("this server could not go on after a commit and has to be started again")
        try:
            self._catch_up()
        except DatabaseError as error:
            return self._not_known_yet(group, error)
        waiting = {changes.transaction: changes for changes in reversed(group)}
        answers: dict[str, Answer] = {name: self._known(first) for name, first in log.answers(waiting).items()}
        while left := [waiting[name] for name in reversed(waiting) if name not in answers]:
            answers |= self._answers(left)
        return [answers[changes.transaction] for changes in group]

    def _answers(self, group: Sequence[ChangeSet]) -> dict[str, Answer]:
        """Answers to all of ``group``; if some may not be written, only to these: the others are resolved anew."""
        draft = self._head.copy()
        refused: dict[str, Answer] = {}
        now = max(self.clock(), draft.time)
        for changes in group:
            try:
                log.checked_sender(changes)
                draft.add(changes, now)
            except InventoryError as error:
                refused[changes.transaction] = error
        written = draft.entries[len(self._head.entries) :]
        if written:
            # When the database fails during COMMIT nobody knows whether the records are there.
            self._unsure = frozenset(entry.changes.transaction for entry in written)
            try:
                turned_away = log.append(self.epoch, written)
            except OutcomeUnknown as error:
                return {**refused, **self._found_out(error)}
            self._unsure = frozenset()
            if turned_away:
                return {name: self._known(answer) for name, answer in turned_away.items()}
            self._head = draft
            self._announced()
        commits = {entry.changes.transaction: entry.commit() for entry in written}
        empty = {changes.transaction: Commit(draft.version, changes.transaction, now, {}) for changes in group}
        return {**empty, **commits, **refused}

    def _known(self, first: Answer) -> Answer:
        """The answer that a repeated change set got, if this server has its version."""
        if isinstance(first, Commit) and first.version > self._head.version:
            raise LeadershipLost(f"version {first.version} was written by another server, which leads now")
        return first

    def _found_out(self, error: OutcomeUnknown) -> dict[str, Answer]:
        """Answers to the change sets whose commit the database did not answer, if it tells now."""
        sent = self._unsure
        try:
            self._catch_up()
            found = log.answers(sent)
        except DatabaseError as later:
            raise error from later
        lost = InventoryUnavailable(f"{error}: it is not there, nothing was changed; try again")
        return {name: self._known(found[name]) if name in found else lost for name in sent}

    def _not_known_yet(self, group: Sequence[ChangeSet], error: DatabaseError) -> list[Answer]:
        """Nothing is answered, and nothing appended, on top of what may be there. Raises ``error`` if no sender asks
        about that.
        """
        if not self._unsure & {changes.transaction for changes in group}:
            raise error
        later = InventoryUnavailable(f"{database.reason(error)}; nothing was changed, send the same again")
        unknown = [
            OutcomeUnknown(f"{database.reason(error)}; whether {changes.transaction} is committed is not known yet; "
                           "send the same again")
            for changes in group
        ]  # fmt: skip
        return [
            one if changes.transaction in self._unsure else later for one, changes in zip(unknown, group, strict=True)
        ]

    def _catch_up(self) -> None:
        """Have what was committed although the database's answer did not come, and readers, too."""
        if not self._unsure:
            return
        database.reconnect()
        row = log.settled(self.epoch)
        for record in log.records_after(self._head.version, row.head):
            self._head.follow(record)
        self._unsure = frozenset()
        self._show()

    def _announced(self) -> None:
        version = self._head.version
        try:
            self._announce(version)
        except OSError as error:
            self._failed = True
            raise LeadershipLost(f"version {version} is committed, but readers cannot be told: {error}") from error

    def _show(self) -> None:
        """Publish what is committed. What fails here is made good by starting again from the log."""
        version = self._head.version
        if version == self.image.version:
            return
        self._failed = True
        try:
            image = self._publish(self._head.image())
        except (OSError, InventoryError) as error:
            raise LeadershipLost(f"version {version} is committed, but its image cannot be written: {error}") from error
        with self._shown:
            self._images.append(image)
            self._shown.notify_all()
        self._head = Draft(image, self._head.next_ids)
        self._failed = False
