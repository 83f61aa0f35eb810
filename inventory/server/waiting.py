"""Change sets that wait to be committed: a bounded number of them, taken together by one thread.

Whoever comes while a commit is in progress waits; all who wait are then committed as one group, in one database
transaction, and published once. Each gets its own answer as soon as the group is durable. Beyond the bound, senders are told
to try again: the server's memory does not grow with the number of senders.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from inventory.changes import ChangeSet
from inventory.errors import InventoryBusy, InventoryError, InventoryUnavailable
from inventory.log import Commit
from inventory.server import wire
from inventory.server.spool import Spool, SpoolRoom

_LOG = structlog.get_logger(__name__)

Answers = Sequence[Commit | InventoryError]

GROUP = 32
"""Change sets that are committed together at most."""

_FIRST_GUESS, _LEAST_RETRY, _MOST_RETRY = 0.02, 0.1, 30.0


@dataclass
class _Waiter:
    """``changes`` of a small change set are read already; those of a large one stay on the disk until it is its turn."""

    spool: Spool
    changes: ChangeSet | None
    answer: Future[Commit] = field(default_factory=Future)


class WaitingRoom:
    """Room for ``places`` senders, in ``room``. ``commit`` makes a group durable and answers each; ``publish`` has readers
    see it. One thread does both.
    """

    def __init__(
        self, commit: Callable[[list[ChangeSet]], Answers], publish: Callable[[], None], places: int, room: SpoolRoom
    ) -> None:
        self._commit, self._publish = commit, publish
        self._places, self._room = places, room
        self._present = 0
        self._seconds = _FIRST_GUESS
        self._waiting: deque[_Waiter] = deque()
        self._lock = threading.Condition()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")

    def give_way(self, seconds: float) -> None:
        """Return when nobody waits, nor is about to; at the latest after ``seconds``. For work that can be done later."""
        with self._lock:
            self._lock.wait_for(lambda: not self._present, seconds)

    @contextmanager
    def place(self) -> Iterator[Spool]:
        """A place from the first byte to the answer. Raises InventoryBusy."""
        with self._lock:
            if self._present >= self._places:
                raise InventoryBusy(f"{self._present} change sets wait already", self._retry())
            self._present += 1
        try:
            with self._room.spool() as spool:
                yield spool
        finally:
            with self._lock:
                self._present -= 1
                self._lock.notify_all()

    def commit(self, spool: Spool) -> Commit:
        """The answer to the change set in ``spool``, when it is durable. Raises what became of it instead."""
        waiter = _Waiter(spool, None if spool.is_large() else wire.unpacked(spool.content()))
        with self._lock:
            self._waiting.append(waiter)
        try:
            self._thread.submit(self._turn).add_done_callback(_tell)
        except RuntimeError as error:
            # The thread takes no more work.
            raise InventoryUnavailable(f"the server is ending: {error}; send the same again") from error
        return waiter.answer.result()

    def close(self) -> None:
        """Take no more, and wait until those that wait have their answers."""
        self._thread.shutdown()

    def _retry(self) -> float:
        """Seconds after which about half of those who wait now are done."""
        return min(max(self._present * self._seconds / 2, _LEAST_RETRY), _MOST_RETRY)

    def _turn(self) -> None:
        """Commit those who wait now, if they were not taken with others before."""
        group = self._next_group()
        if not group:
            return
        started = time.monotonic()
        try:
            self._answer(group)
        finally:
            for waiter in group:
                if not waiter.answer.done():
                    waiter.answer.set_exception(InventoryUnavailable("the server failed; its log tells why"))
        self._publish()
        self._seconds += 0.2 * ((time.monotonic() - started) / len(group) - self._seconds)

    def _next_group(self) -> list[_Waiter]:
        """Those who wait, in order; a large change set is a group of its own."""
        group: list[_Waiter] = []
        with self._lock:
            while self._waiting and len(group) < GROUP:
                if self._waiting[0].spool.is_large() and group:
                    break
                group.append(self._waiting.popleft())
                if group[-1].spool.is_large():
                    break
        return group

    def _answer(self, group: list[_Waiter]) -> None:
        try:
            answers = self._commit([self._changes(waiter) for waiter in group])
        except InventoryError as error:
            answers = [error] * len(group)
        for waiter, answer in zip(group, answers, strict=True):
            if isinstance(answer, Commit):
                waiter.answer.set_result(answer)
            else:
                waiter.answer.set_exception(answer)

    @staticmethod
    def _changes(waiter: _Waiter) -> ChangeSet:
        return waiter.changes if waiter.changes is not None else wire.unpacked(waiter.spool.content())


def _tell(turn: Future[None]) -> None:
    error = turn.exception()
    if error is not None:
        _LOG.error("inventory_commit_failed", error=str(error), exc_info=error)
