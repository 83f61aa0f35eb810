"""The built-in mover: takes up batches and does what they say, a limited number of files at once at each site.

The main thread alone speaks to the database; threads move bytes. What a thread finished is recorded in bulk. A mover may
die at any instant: its batches are taken up again, and each file is found undone, done, or half done under another name.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.utils import timezone

from fileops import batches, operations, outcomes
from fileops.errors import UNREACHABLE_CODES, StorageError
from fileops.lifecycle import State
from fileops.models import Batch, Operation, Subscription
from fileops.operations import Patience, Task
from fileops.outcomes import Outcome
from fileops.settings import FileopsSettings
from fileops.storage.base import Storage

_log = structlog.get_logger(__name__)
_LOOK = 0.2
_LOOK_EVERY = 1.0
_RECORD_EVERY = 0.5
_MOST_BATCHES = 1000
_MOST_THREADS = 2048


@dataclass
class Moved:
    """What one round of the mover did."""

    done: int = 0
    failed: int = 0
    postponed: int = 0
    cancelled: int = 0
    left: int = 0
    bytes: int = 0


def move(
    storages: Callable[[str], Storage],
    settings: FileopsSettings,
    tend: Callable[[], None],
    seconds: float | None = None,
) -> Moved:
    """Work on all batches that nobody works on, until there are none, or for ``seconds`` (default ``round_time``).

    ``tend`` is called at the start and then every ``tend_every`` seconds: it may make further batches and report what is done. A file that
    takes long never keeps the others waiting: while one goes on, new batches are taken up.
    """
    work = _Work(storages, settings, tend, settings.round_time if seconds is None else seconds)
    try:
        work.go()
    finally:
        work.end()
    return work.moved


@dataclass
class _Work:
    storages: Callable[[str], Storage]
    settings: FileopsSettings
    tend: Callable[[], None]
    seconds: float
    claimed: list[Batch] = field(default_factory=list)
    moved: Moved = field(default_factory=Moved)
    queues: dict[str, deque[Task]] = field(default_factory=dict)
    running: dict[Future[Outcome], Task] = field(default_factory=dict)
    busy: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)
    finished: list[Outcome] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)
    tended: float = 0.0
    renewed: float = field(default_factory=time.monotonic)
    looked: float = 0.0
    recorded: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        # Threads are made when needed: a site that hangs uses up its own, never those of the others.
        self.pool = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="mover")
        self.until = time.monotonic() + self.seconds
        self.submitted: dict[int, datetime] = {}

    def go(self) -> None:
        while True:
            self._tend()
            self._look_after_batches()
            if time.monotonic() < self.until:
                self._begin()
            elif time.monotonic() > self.until + self.settings.tend_every:
                # Something takes long; the others are not to wait for it.
                self.until = time.monotonic() + self.seconds
            if not self.running:
                return
            ended, _ = wait(self.running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in ended:
                self._ended(future)
            if time.monotonic() - self.recorded > _RECORD_EVERY:
                self._record()

    def _tend(self) -> None:
        """Have the queue looked after, and take up what is new."""
        if self.tended and time.monotonic() - self.tended < self.settings.tend_every:
            return
        self._record()
        self.tend()
        # What it has just held is not begun with.
        self.looked = 0.0
        self.tended = time.monotonic()
        # A site that did not answer gets another chance.
        self.silent.clear()
        self._finish_batches()
        self._claim()

    def _claim(self) -> None:
        if time.monotonic() > self.until:
            return
        claimed = batches.claim(_MOST_BATCHES, self.settings.lease, timezone.now())
        outcomes.let_go_settled(claimed)
        tasks = _tasks(claimed)
        # What was held and is released has come back; unless a thread is still at it.
        self.dropped -= {task.id for task in tasks} - {task.id for task in self.running.values()}
        for task in tasks:
            self.queues.setdefault(task.destination, deque()).append(task)
        self.claimed += claimed
        self.submitted |= {batch.pk: batch.created for batch in claimed}

    def _finish_batches(self) -> None:
        left = {task.batch for task in self._all_tasks()}
        over = [batch for batch in self.claimed if batch.pk not in left]
        batches.give_back(over, timezone.now())
        self.claimed = [batch for batch in self.claimed if batch.pk in left]

    def end(self) -> None:
        """Also on an error: nothing goes on unseen, what ended is recorded, and the rest can be taken up at once."""
        self.stop.set()
        self.pool.shutdown(wait=True, cancel_futures=True)
        for future in [future for future in self.running if not future.cancelled()]:
            self._ended(future)
        self._record()
        self.moved.left = sum(len(queue) for queue in self.queues.values())
        batches.give_back(self.claimed, timezone.now())

    def _begin(self) -> None:
        """Start files of all sites in turn, as far as both ends have room."""
        progress = True
        while progress:
            progress = False
            for queue in self.queues.values():
                progress |= self._begin_one(queue)

    def _begin_one(self, queue: deque[Task]) -> bool:
        for _ in range(len(queue)):
            if self.busy[queue[0].destination] >= self.settings.per_site:
                return False
            task = queue.popleft()
            if task.id in self.dropped:
                continue
            silent = next((site for site in _sites(task) if self._is_silent(site)), None)
            if silent is not None:
                queue.appendleft(task)
                self._postpone(silent)
                return False
            if all(self.busy[site] < self.settings.per_site for site in _sites(task)):
                self.busy.update(_sites(task))
                self.running[self.pool.submit(self._do, task)] = task
                return True
            queue.append(task)
        return False

    def _is_silent(self, site: str) -> bool:
        return self.silent[site] >= self.settings.unreachable_after

    def _postpone(self, site: str) -> None:
        """Leave everything of a site alone that does not answer."""
        tasks = [task for queue in self.queues.values() for task in queue if site in _sites(task)]
        for name, queue in self.queues.items():
            self.queues[name] = deque(task for task in queue if site not in _sites(task))
        outcomes.postpone(tasks, site, self.settings, timezone.now())
        self.moved.postponed += len(tasks)
        _log.warning("site does not answer", site=site, postponed=len(tasks))

    def _do(self, task: Task) -> Outcome:
        """In a thread."""
        started = timezone.now()
        patience = Patience(self.settings.timeout, self.settings.copy_timeout, self.settings.third_party_from)
        try:
            destination = self.storages(task.destination)
            if task.operation == Operation.COPY:
                operations.copy(task, self.storages(task.source), destination, patience, lambda: self._unwanted(task))
            elif not self._unwanted(task):
                operations.delete(task, destination, patience)
        except StorageError as error:
            return Outcome(task, started, timezone.now(), error)
        return Outcome(task, started, timezone.now())

    def _unwanted(self, task: Task) -> bool:
        return self.stop.is_set() or task.id in self.dropped

    def _ended(self, future: Future[Outcome]) -> None:
        task = self.running.pop(future)
        self.busy.subtract(_sites(task))
        outcome = future.result()
        if task.batch in self.lost:
            return
        if task.id in self.dropped:
            self.moved.cancelled += 1
        elif outcome.error is not None and self.stop.is_set():
            # Ended by us, not by its own fault: it stays in its batch.
            return
        elif outcome.error is None:
            self.moved.done += 1
            self.moved.bytes += task.size
            self.silent.subtract({site: self.silent[site] for site in _sites(task)})
        else:
            self.moved.failed += 1
            if outcome.error.code in UNREACHABLE_CODES:
                self.silent[outcome.error.site] += 1
        self.finished.append(outcome)

    def _record(self) -> None:
        if self.finished:
            finished, self.finished = self.finished, []
            outcomes.record(finished, self.settings, self.submitted)
        self.recorded = time.monotonic()

    def _look_after_batches(self) -> None:
        """Keep the batches ours, and drop the files that were cancelled, held or are in other hands by now."""
        moment = time.monotonic()
        if moment - self.looked < _LOOK_EVERY:
            return
        self.looked = moment
        if moment - self.renewed > self.settings.lease / 4:
            ours = batches.renew(self.claimed, self.settings.lease, timezone.now())
            self.lost |= {batch.pk for batch in self.claimed} - ours
            self.dropped |= {task.id for task in self._all_tasks() if task.batch in self.lost}
            self.renewed = moment
        mine = {batch.pk for batch in self.claimed} - self.lost
        in_hand = Subscription.objects.filter(batch__in=mine)
        settled = dict(in_hand.exclude(state=State.INBATCH).values_list("id", "state"))
        self.dropped |= settled.keys()
        # Those that a thread works on are let go when it ends.
        at_work = {task.id for task in self.running.values()} | {outcome.task.id for outcome in self.finished}
        idle = settled.keys() - at_work
        outcomes.let_go(sorted(idle))
        self.moved.cancelled += sum(settled[number] == State.CANCELLED for number in idle)

    def _all_tasks(self) -> list[Task]:
        return [*(task for queue in self.queues.values() for task in queue), *self.running.values()]


def _tasks(claimed: Iterable[Batch]) -> list[Task]:
    return [
        Task(
            row.pk, row.operation, row.lfn, row.size, row.adler32, row.source if row.operation == Operation.COPY else "",
            row.site, batch.pk, batch.tag, batch.claims,
        )
        for batch in claimed
        for row in Subscription.objects.filter(batch=batch, state=State.INBATCH).order_by("id")
    ]  # fmt: skip


def _sites(task: Task) -> tuple[str, ...]:
    return (task.source, task.destination) if task.source else (task.destination,)
