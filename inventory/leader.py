"""The one that writes: resolves change sets against the newest version, appends them to the log, and has the next version.

Knows no network and no threads but one lock: the server (``server/``) and tests put it to use.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError

from inventory import database, log
from inventory.changes import ChangeSet
from inventory.errors import InventoryError, InventoryUnavailable, LeadershipLost, OutcomeUnknown, VersionGone
from inventory.image import Image
from inventory.log import Commit
from inventory.resolve import resolve
from inventory.resolve.delta import Delta
from inventory.snapshot import Snapshot

KEPT_VERSIONS = 16
"""Versions that readers can still ask for by number."""


def _clock() -> int:
    return int(time.time())


class Leader:
    """Leads with ``epoch`` from ``image`` on. ``publish`` is told each new version before it is acknowledged, and
    returns it as it shall be held (e.g. memory-mapped).
    """

    def __init__(
        self, epoch: int, image: Image, next_ids: dict[str, int],
        publish: Callable[[Image], Image] = lambda image: image, clock: Callable[[], int] = _clock,
    ) -> None:  # fmt: skip
        self.epoch = epoch
        self.clock = clock
        self._publish = publish
        self._lock = threading.Lock()
        self._failed = False
        self._unsure: frozenset[str] = frozenset()
        used = image.next_ids()
        self._next_ids = {name: max(first, next_ids.get(name, 1)) for name, first in used.items()}
        self._images = deque([publish(image)], maxlen=KEPT_VERSIONS)

    @property
    def image(self) -> Image:
        """The newest version."""
        return self._images[-1]

    def snapshot(self, at_least: int | None = None, version: int | None = None) -> Snapshot:
        """The newest version, or the one with the number ``version``. Raises VersionGone."""
        if version is None:
            if at_least is not None and at_least > self.image.version:
                raise InventoryUnavailable(f"version {at_least} is not there yet: the newest is {self.image.version}")
            return self.image.snapshot()
        for image in tuple(self._images):
            if image.version == version:
                return image.snapshot()
        raise VersionGone(f"version {version} is not kept; the newest is {self.image.version}")

    def commit(self, changes: ChangeSet) -> Commit:
        """Apply ``changes`` as a whole, once. Raises ChangeRefused, TurnLost, LeadershipLost, InventoryUnavailable,
        OutcomeUnknown; after a DatabaseError nothing is changed.
        """
        log.checked_sender(changes)
        with self._lock:
            if self._failed:
                raise InventoryUnavailable("this server could not go on after a commit and has to be started again")
            self._catch_up_for(changes)
            first = log.answered(changes.transaction)
            if first is not None:
                return self._known(first)
            now = max(self.clock(), self.image.time)
            if changes.is_empty():
                return Commit(self.image.version, changes.transaction, now, {})
            return self._append(changes, now)

    def status(self) -> dict[str, Any]:
        """Version, epoch, and number of rows by table."""
        image = self.image
        return {"version": image.version, "time": image.time, "epoch": self.epoch, "counts": image.counts()}

    def _known(self, first: Commit) -> Commit:
        """The answer that a repeated change set got, once readers have its version."""
        if first.version > self.image.version:
            raise LeadershipLost(f"version {first.version} was written by another server, which leads now")
        return first

    @property
    def in_doubt(self) -> bool:
        """Whether the database has not told yet what became of a commit."""
        return bool(self._unsure)

    def settle(self) -> None:
        """Learn what became of a commit that the database gave no answer to. Raises DatabaseError, LeadershipLost."""
        with self._lock:
            self._catch_up()

    def _append(self, changes: ChangeSet, now: int) -> Commit:
        delta = resolve(self.image.snapshot(), changes, now, self._next_ids)
        version = self.image.version + 1
        # When the database fails during COMMIT nobody knows whether the record is there.
        self._unsure = frozenset({changes.transaction})
        try:
            commit = log.append(self.epoch, changes, delta, version, now)
        except OutcomeUnknown as error:
            return self._found_out(changes, error)
        if commit.version == version:
            self._applied(delta, version, now)
        self._unsure = frozenset()
        return self._known(commit)

    def _found_out(self, changes: ChangeSet, error: OutcomeUnknown) -> Commit:
        """The answer to ``changes``, whose commit the database did not answer, if it tells now."""
        self._catch_up_for(changes)
        try:
            first = log.answered(changes.transaction)
        except DatabaseError as later:
            raise error from later
        if first is None:
            raise InventoryUnavailable(f"{error}: it is not there, nothing was changed; try again") from error
        return self._known(first)

    def _catch_up_for(self, changes: ChangeSet) -> None:
        """Nothing is answered, and nothing appended, on top of what may be there."""
        try:
            self._catch_up()
        except DatabaseError as error:
            if changes.transaction in self._unsure:
                text = f"{database.reason(error)}; whether {changes.transaction} is committed is not known yet"
                raise OutcomeUnknown(f"{text}; send the same again") from error
            raise

    def _catch_up(self) -> None:
        """Apply what was committed although the database's answer did not come."""
        if not self._unsure:
            return
        database.reconnect()
        row = log.settled(self.epoch)
        for record in log.records_after(self.image.version, row.head):
            self._applied(record.delta, record.sequence, record.time)
        self._unsure = frozenset()

    def _applied(self, delta: Delta, version: int, now: int) -> None:
        """Have the version that is committed now. What fails here is made good by starting again from the log."""
        self._failed = True
        self._next_ids.update(delta.next_ids)
        try:
            self._images.append(self._publish(self.image.after(delta, version, now)))
        except (OSError, InventoryError) as error:
            raise LeadershipLost(f"version {version} is committed, but its image cannot be written: {error}") from error
        self._failed = False
