"""How a run lives: signs of life, the turn to write while it has it, and the end that an operator may ask for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from types import TracebackType

import redis
import structlog

from inventory.errors import TurnLost
from scheduler import fence, life
from scheduler.connection import connect
from scheduler.errors import RunKilled
from scheduler.life import BEATS_PER_LEASE, Pulse
from scheduler.models import Run, State
from scheduler.settings import SchedulerSettings
from scheduler.turns import Turns, Who

_LOG = structlog.get_logger(__name__)
_TELL_FIRST_SECONDS, _TELL_SECONDS = 1.0, 10.0


class Tenure:
    """While entered, a thread gives signs of life and renews the turn. The thread speaks to Redis only."""

    def __init__(self, row: Run, settings: SchedulerSettings) -> None:
        self._row, self._lease = row, settings.lease
        self._turns = Turns(
            connect(), settings.lease, settings.waiter_lease, settings.priority_seconds, self._others_write
        )
        identity = uuid.uuid4().hex
        self._who = Who(identity, row.pk, row.application, row.author, row.host, int(time.time()))
        self._pulse = Pulse(f"run-{row.pk}", settings.lease / BEATS_PER_LEASE, self._beat)
        self._holds = self._killed = self._lost = False
        self.token = 0

    def __enter__(self) -> Tenure:
        try:
            self._pulse.start()
        except redis.RedisError as error:
            # A reader needs no Redis; who waits for a turn gets to know it there.
            _LOG.warning("Redis does not answer", reason=str(error))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pulse.stop()
        try:
            if self._holds:
                self._turns.release(self._who)
            life.end("run", self._row.pk)
        except redis.RedisError as gone:
            _LOG.warning("turn not given back; it ends with its lease", reason=str(gone))

    def take_turn(self, priority: int, wait: float | None, waiting: Callable[[str], None] = lambda text: None) -> int:
        """Wait for the turn; returns its fencing token. ``waiting`` is told now and then who has it meanwhile.

        Raises TurnBusy, QueueUnavailable, RunKilled.
        """
        self._turns.take(self._who, priority, wait, self._look(waiting))
        self._holds = True
        self.token = fence.next_token()
        # Still ours now, so it was when the token was made: tokens grow in the order of turns.
        self._renew_now()
        self._raise_if_lost()
        return self.token

    def _look(self, waiting: Callable[[str], None]) -> Callable[[], None]:
        """What is done between two looks at the queue."""
        tell_at = time.monotonic() + _TELL_FIRST_SECONDS

        def look() -> None:
            nonlocal tell_at
            self._raise_if_killed()
            if time.monotonic() >= tell_at:
                waiting(f"waiting for the turn to write; it is with {self._turns.with_whom()}")
                tell_at = time.monotonic() + _TELL_SECONDS

        return look

    def check(self) -> None:
        """Raise :class:`RunKilled` when an operator ended the run, :class:`TurnLost` when the turn has passed on."""
        if time.monotonic() - self._pulse.last_success > self._lease / 2:
            # The thread is late: this process was paused, or Redis is away.
            self._renew_now()
        self._raise_if_killed()
        self._raise_if_lost()
        if self._holds and fence.newest() != self.token:
            raise TurnLost(f"run {self._row.pk}: another writer has had its turn since")

    def _beat(self) -> None:
        """One sign of life (in the thread)."""
        life.give("run", self._row.pk, self._lease)
        self._killed = self._killed or life.is_killed("run", self._row.pk)
        if self._holds and not self._turns.renew(self._who):
            self._lost = True

    def _renew_now(self) -> None:
        try:
            self._pulse.once()
        except redis.RedisError as error:
            if self._holds and time.monotonic() - self._pulse.last_success > self._lease:
                raise TurnLost(f"run {self._row.pk}: its lease ended while Redis did not answer ({error})") from error

    def _others_write(self) -> bool:
        return Run.objects.filter(writes=True, state=State.RUN).exclude(pk=self._row.pk).exists()

    def _raise_if_killed(self) -> None:
        if self._killed:
            by = Run.objects.filter(pk=self._row.pk).values_list("killed_by", flat=True).first()
            raise RunKilled(f"run {self._row.pk} was ended by {by or 'an operator'}")

    def _raise_if_lost(self) -> None:
        if self._lost:
            raise TurnLost(f"run {self._row.pk}: its lease ended and the turn has passed on to another run")
