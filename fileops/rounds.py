"""One round of file operations, from what was asked to what the inventory knows: requests, plan, moving, report, cleaning."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog
from django.utils import timezone

from fileops import complete, directories, requested
from fileops.mover import Moved, move
from fileops.planning import Planned, plan
from fileops.settings import FileopsSettings
from fileops.storage import Storage, storage_for
from inventory import client
from inventory.errors import InventoryUnavailable, TurnLost
from inventory.tuning import tuned
from scheduler import applock
from scheduler.errors import TurnBusy
from scheduler.runs import writer

APPLICATION = "fileops"
_log = structlog.get_logger(__name__)
_MOST_DIRECTORIES = 2000


@dataclass
class Summary:
    """What a round did, in numbers of files; ``notes`` tell what it could not do, and why."""

    wanted_copies: int = 0
    deletion_requests: int = 0
    rejected_requests: int = 0
    batched: int = 0
    released: int = 0
    cancelled: int = 0
    found: int = 0
    held: dict[str, int] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    postponed: int = 0
    bytes: int = 0
    copied: int = 0
    deleted: int = 0
    block_replicas_gone: int = 0
    dataset_replicas_gone: int = 0
    directories_removed: int = 0
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def advance(seconds: float | None = None, author: str = APPLICATION, seed: int | None = None) -> Summary:
    """Do all that can be done now, for about ``seconds`` (default: the setting ``round_time``).

    ``seed`` drives the choice among equal sources. Several processes may be in it at the same time.
    """
    summary = Summary()
    holder = applock.held(APPLICATION)
    if holder is not None and holder.user != author:
        summary.notes.append(f"stopped by {holder}")
        return summary
    settings = tuned(APPLICATION, FileopsSettings)
    _Round(settings, author, random.SystemRandom().getrandbits(32) if seed is None else seed, summary).go(seconds)
    return summary


@dataclass
class _Round:
    settings: FileopsSettings
    author: str
    seed: int
    summary: Summary
    storages: dict[str, Storage] = field(default_factory=dict)
    reviewed: int = -1

    def go(self, seconds: float | None) -> None:
        try:
            self._look()
        except InventoryUnavailable as error:
            self._note(str(error))
            return
        moved = move(self.storage, self.settings, self.tend, seconds)
        self._moved(moved)
        self._write()
        self.summary.directories_removed += directories.clean(
            self.storage, _MOST_DIRECTORIES, self.settings.clean_depth, self.settings.timeout, timezone.now()
        )

    def storage(self, site: str) -> Storage:
        """The site's storage as the newest snapshot has it; also called from the mover's threads."""
        # The main thread may put a new dictionary in its place at any moment.
        storages = self.storages
        if site not in storages:
            storages[site] = storage_for(self.snapshot, site)
        return storages[site]

    def _look(self) -> None:
        self.snapshot = client.snapshot()
        self.storages = {}

    def tend(self) -> None:
        """Everything but the moving; whatever cannot be done now is noted and done next time."""
        self.summary.wanted_copies += requested.take_over_wanted_copies()
        self._write()
        try:
            self._look()
        except InventoryUnavailable as error:
            self._note(str(error))
            return
        self._planned(
            plan(self.snapshot, self.settings, timezone.now(), self.seed, review=self.snapshot.version != self.reviewed)
        )
        self.seed += 1
        self.reviewed = self.snapshot.version

    def _write(self) -> None:
        """Carry out deletion requests and report what is done; both need the turn to write."""
        deletions, done = requested.are_deletions_waiting(), complete.is_anything_done()
        if not deletions and not done:
            return
        try:
            with writer(APPLICATION, {}, self.author, wait=self.settings.turn_wait) as run:
                if deletions:
                    carried = requested.carry_out_deletions(run)
                    self.summary.deletion_requests += carried.activated
                    self.summary.rejected_requests += carried.rejected
                while complete.is_anything_done():
                    self._reported(complete.report(run, self.settings.completion_size))
        except (TurnBusy, TurnLost, InventoryUnavailable) as error:
            self._note(str(error))

    def _note(self, text: str) -> None:
        _log.warning("put off", reason=text)
        if text not in self.summary.notes:
            self.summary.notes.append(text)

    def _planned(self, planned: Planned) -> None:
        total = self.summary
        total.batched += planned.batched
        total.released += planned.released
        total.cancelled += planned.cancelled
        total.found += planned.found
        for reason, count in planned.held.items():
            total.held[reason] = total.held.get(reason, 0) + count

    def _moved(self, moved: Moved) -> None:
        total = self.summary
        total.done += moved.done
        total.failed += moved.failed
        total.postponed += moved.postponed
        total.cancelled += moved.cancelled
        total.bytes += moved.bytes

    def _reported(self, reported: complete.Reported) -> None:
        total = self.summary
        total.copied += reported.copied
        total.deleted += reported.deleted
        total.block_replicas_gone += reported.block_replicas
        total.dataset_replicas_gone += reported.dataset_replicas
