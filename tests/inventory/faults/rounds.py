"""One round of a schedule: what an inventory server does from its start to its end, in a process of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import DatabaseError, close_old_connections

from inventory import followers, log
from inventory.changes import ChangeSet
from inventory.checkpoint import Checkpoints, newest_first
from inventory.errors import (
    ChangeRefused,
    ImageUnreadable,
    InventoryUnavailable,
    LeadershipLost,
    OutcomeUnknown,
    TurnLost,
)
from inventory.history import follower as history
from inventory.history.follower import Historian, position
from inventory.image import Image
from inventory.leader import Leader
from inventory.log import Commit
from inventory.recovery import recovered
from inventory.store import CURRENT, Store, read_manifest
from tests.inventory.faults import workload
from tests.inventory.faults.effects import Effects
from tests.inventory.faults.journal import Journal
from tests.inventory.faults.schedule import Round, Schedule

NOON = 1_700_000_000
"""What the clock shows, but for its jumps."""


@dataclass(frozen=True)
class Places:
    """Where one host has its files: ``image``, ``checkpoints``, ``history`` are below ``root``."""

    root: Path

    @property
    def image(self) -> Path:
        return self.root / "image"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def history(self) -> Path:
        return self.root / "history"


@dataclass(frozen=True)
class Sent:
    """``open``: change sets nobody has acknowledged, by sender; ``done``: numbers of acknowledged ones."""

    open: tuple[tuple[int, ...], ...]
    done: tuple[int, ...]


class Server:
    """Goes through the actions of a round. Whatever the product raises for trouble is taken as the real server takes it."""

    def __init__(self, schedule: Schedule, part: Round, places: Places, effects: Effects, journal: Journal) -> None:
        self._schedule, self._part, self._places = schedule, part, places
        self._effects, self._journal = effects, journal
        self._checkpoints = Checkpoints(places.checkpoints)
        self._historian = Historian(places.history)
        self._jumps = itertools.cycle(part.jumps)
        self._leader: Leader | None = None

    def run(self, sent: Sent) -> None:
        """Start, take the actions, end."""
        self._senders = [list(numbers) for numbers in sent.open]
        self._done = list(sent.done)
        if not self._started():
            return
        turns = itertools.cycle(range(len(self._senders)))
        for action in self._part.actions:
            close_old_connections()
            try:
                getattr(self, f"_{action}")(next(turns))
            except LeadershipLost as error:
                self._journal.note("lost", str(error))
                return
        if self._part.clean_end:
            self._follow(0)
            self._checkpoint(0)
            self._history(0)
        self._journal.note("ended")

    def _started(self) -> bool:
        try:
            with self._effects.within("append"):
                row = log.take_lead()
            with self._effects.within("apply"):
                image, _ = recovered(row.head, self._places.checkpoints)
            with self._effects.within("publish"):
                self._store = Store(self._places.image, 4)
                self._leader = Leader(row.epoch, image, row.next_ids, self._publish, lambda: NOON + next(self._jumps))
        except (DatabaseError, OSError) as error:
            # A server that cannot start ends with this; whoever watches it starts it again.
            self._journal.note("not started", str(error))
            return False
        self._journal.note("leads", row.epoch, row.head)
        return True

    def _publish(self, image: Image) -> Image:
        with self._effects.within("publish"):
            return self._store.publish(image)

    def _commit(self, turn: int) -> None:
        queue = next((self._senders[(turn + n) % len(self._senders)] for n in range(len(self._senders))
                      if self._senders[(turn + n) % len(self._senders)]), None)  # fmt: skip
        if queue and self._acknowledged(queue[0]):
            self._done.append(queue.pop(0))

    def _group(self, turn: int) -> None:
        """One change set of each sender, and one that is wrong, in one transaction of the database."""
        queues = [queue for queue in self._senders if queue]
        sent = [workload.change_set(self._schedule.seed, queue[0]) for queue in queues]
        wrong = workload.refused(self._schedule.seed, turn)
        try:
            with self._effects.within("append"):
                answers = self.leader.append([*sent[:1], wrong, *sent[1:]])
        except (DatabaseError, InventoryUnavailable, ImageUnreadable) as error:
            answers = [error] * (len(sent) + 1)
        if isinstance(answers.pop(min(1, len(sent))), Commit):
            self._journal.problem(f"{wrong.transaction} was taken")
        for queue, changes, answer in zip(queues, sent, answers, strict=True):
            if isinstance(answer, Commit):
                self._journal.acknowledged(answer.transaction, answer.version, answer.time, answer.counts)
                self._done.append(queue.pop(0))
            else:
                self._not_acknowledged(queue[0], changes, answer)
        with self._effects.within("append"):
            self.leader.publish()

    def _resend(self, turn: int) -> None:
        if self._done:
            self._acknowledged(self._done[turn % len(self._done)])

    def _acknowledged(self, number: int) -> bool:
        changes = workload.change_set(self._schedule.seed, number)
        try:
            with self._effects.within("append"):
                commit = self.leader.commit(changes)
        except (DatabaseError, InventoryUnavailable, ImageUnreadable) as error:
            self._not_acknowledged(number, changes, error)
            return False
        self._journal.acknowledged(commit.transaction, commit.version, commit.time, commit.counts)
        shown = read_manifest(self._places.image / CURRENT)["version"]
        if self.leader.image.version < commit.version or shown < commit.version:
            self._journal.problem(f"{commit.transaction} is acknowledged as {commit.version}, readers see {shown}")
        return True

    def _not_acknowledged(self, number: int, changes: ChangeSet, error: Exception) -> None:
        if not isinstance(error, (DatabaseError, InventoryUnavailable, ImageUnreadable)):
            self._journal.problem(f"{changes.transaction} got {type(error).__name__}: {error}")
        self._journal.note("not acknowledged", changes.transaction, str(error))
        close_old_connections()
        if not isinstance(error, OutcomeUnknown) and number not in self._done and log.answered(changes.transaction):
            self._journal.problem(f"{changes.transaction} is committed, its sender was told that it is not: {error}")

    def _refused(self, turn: int) -> None:
        self._turned_away(workload.refused(self._schedule.seed, turn), ChangeRefused)

    def _stale(self, turn: int) -> None:
        if self._done:
            self._turned_away(workload.stale(self._schedule.seed, turn), TurnLost)

    def _turned_away(self, changes: ChangeSet, expected: type[Exception]) -> None:
        try:
            with self._effects.within("append"):
                self.leader.commit(changes)
        except (expected, DatabaseError, InventoryUnavailable, ImageUnreadable):
            return
        self._journal.problem(f"{changes.transaction} was taken")

    def _follow(self, turn: int) -> None:
        with self._trouble("follow"), self._effects.within("follow"):
            followers.follow(self.leader.image.version, limit=2 + turn)

    def _checkpoint(self, _: int) -> None:
        image = self.leader.image
        with self._trouble("checkpoint"), self._effects.within("checkpoint"):
            self._checkpoints.write(image)
            self._journal.note("checkpoint", image.version)

    def _history(self, _: int) -> None:
        with self._trouble("history"), self._effects.within("history"):
            while self._historian.follow(self.leader.image.version):
                self._journal.note("history", position(self._places.history))
            self._historian.merge()

    def _recover(self, _: int) -> None:
        """As a standby would do now, with checkpoints and without."""
        with self._trouble("recover"), self._effects.within("apply"):
            for checkpoints in (self._places.checkpoints, None):
                recovered(self.leader.image.version, checkpoints)

    @contextmanager
    def _trouble(self, what: str) -> Iterator[None]:
        """As the server's loops: trouble with the database or the disk is told, and tried again."""
        try:
            yield
        except (DatabaseError, OSError) as error:
            self._journal.note("trouble", what, str(error))
        for directory in newest_first(self._places.checkpoints):
            if not (directory / "manifest.json").exists():
                self._journal.problem(f"checkpoint {directory.name} is half there")

    @property
    def leader(self) -> Leader:
        assert self._leader is not None
        return self._leader


def lowered(schedule: Schedule) -> None:
    """Have small change sets take several parts in the log, several steps in the tables, several segments in the history."""
    history.BATCH_RECORDS, history._FAN = 2, 2
    log.PART_BYTES, followers.STEP_ROWS = schedule.part_bytes, schedule.step_rows


def play(schedule: Schedule, number: int, places: Places, path: Path, sent: Sent) -> None:
    """The process of round ``number``."""
    lowered(schedule)
    journal = Journal(path)
    part = schedule.rounds[number]
    effects = Effects(places.root, journal, part.fault)
    effects.install()
    Server(schedule, part, places, effects, journal).run(sent)


Play = Callable[[Schedule, int, Places, Path, Sent], None]
