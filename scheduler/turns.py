"""The one turn to write: a fair queue with priorities in Redis, and a lease that its holder renews.

Redis gives order and liveness only. Safety is the fencing token, which the database gives out (``scheduler.fence``)
and the inventory server checks: losing Redis's memory costs places in the queue, never correctness.

Waiters stand in order of arrival; a step of priority counts as having come ``priority_seconds`` earlier, so that the
urgent go first and yet nobody waits for ever. Whoever gives no sign of life for ``waiter_lease`` drops out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import redis

from scheduler.errors import QueueUnavailable, TurnBusy
from scheduler.lease import UNKNOWN, Lease

_QUEUE, _SEEN, _WHO, _HOLDER = "dynamo:turn:queue", "dynamo:turn:seen", "dynamo:turn:who", "dynamo:turn:holder"
_MEMORY = "dynamo:turn:memory"
_KEYS = [_QUEUE, _SEEN, _WHO, _HOLDER, _MEMORY]
_MINE, _FORGOTTEN = 1, -1
_MICRO = 1_000_000
_POLL_SECONDS = (0.02, 0.05, 0.1, 0.25)

# Arguments: identity, who (JSON), microseconds of priority, lease (ms), waiter's lease (µs).
# Gives 1: the turn is yours (perhaps since an attempt whose answer got lost); 0: wait; -1: this Redis knows of no turn yet, or has forgotten everything.
_ATTEMPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function number(value) return string.format('%.0f', value) end
if redis.call('GET', KEYS[4]) == ARGV[2] then return 1 end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZADD', KEYS[1], number(now - ARGV[3]), ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
end
redis.call('ZADD', KEYS[2], number(now), ARGV[1])
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', number(now - ARGV[5]))) do
  redis.call('ZREM', KEYS[1], dead); redis.call('ZREM', KEYS[2], dead); redis.call('HDEL', KEYS[3], dead)
end
if redis.call('EXISTS', KEYS[5]) == 0 then return -1 end
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
if redis.call('ZRANGE', KEYS[1], 0, 0)[1] ~= ARGV[1] then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1]); redis.call('ZREM', KEYS[2], ARGV[1]); redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('SET', KEYS[4], ARGV[2], 'PX', ARGV[4])
return 1
"""


@dataclass(frozen=True)
class Who:
    """Who holds or waits for the turn: ``identity`` unique; ``since`` in UTC seconds."""

    identity: str
    run: int
    application: str
    author: str
    host: str
    since: int

    def __str__(self) -> str:
        ago = max(0, int(time.time()) - self.since)
        return f"{self.application} (run {self.run} of {self.author} on {self.host}, for {ago} s)"


@dataclass(frozen=True)
class Turns:
    """The queue; lengths of time in seconds as in ``SchedulerSettings``.

    ``held_elsewhere`` is asked when Redis has forgotten everything: whether somebody may have the turn all the same.
    Then the turn waits for half a lease, for its holder to take it up again.
    """

    client: redis.Redis
    lease: float
    waiter_lease: float
    priority_seconds: float
    held_elsewhere: Callable[[], bool] = lambda: False

    def take(
        self, who: Who, priority: int, wait: float | None, asked_to_stop: Callable[[], None] = lambda: None
    ) -> None:
        """Wait for the turn; raises :class:`TurnBusy` after ``wait`` seconds (None: never).

        ``asked_to_stop`` is called between looks and may raise. Whatever ends the wait, the place in the queue is given up.
        """
        deadline = None if wait is None else time.monotonic() + wait
        looks = 0
        try:
            while not self._attempt(who, priority, deadline):
                asked_to_stop()
                if deadline is not None and time.monotonic() >= deadline:
                    raise TurnBusy(f"the turn to write did not come within {wait:g} s; it is with {self.with_whom()}")
                time.sleep(_POLL_SECONDS[min(looks // 10, len(_POLL_SECONDS) - 1)])
                looks += 1
        except BaseException:
            self.leave(who)
            raise

    def _attempt(self, who: Who, priority: int, deadline: float | None) -> bool:
        boost, patience = int(priority * self.priority_seconds * _MICRO), int(self.waiter_lease * _MICRO)
        arguments: list[str | int] = [who.identity, _text(who), boost, int(self.lease * 1000), patience]
        try:
            answer = self.client.eval(_ATTEMPT, len(_KEYS), *_KEYS, *arguments)
            if answer == _FORGOTTEN:
                self._begin_anew()
                answer = self.client.eval(_ATTEMPT, len(_KEYS), *_KEYS, *arguments)
            return bool(answer == _MINE)
        except (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError) as error:
            # Redis may be restarting, or another becoming the master: those who have time wait for it.
            if deadline is not None and time.monotonic() >= deadline:
                raise QueueUnavailable(
                    f"Redis does not answer ({error}); nobody can get a turn to write now"
                ) from error
            return False

    def _begin_anew(self) -> None:
        with self.client.pipeline(transaction=True) as together:
            if self.held_elsewhere():
                together.set(_HOLDER, UNKNOWN, nx=True, px=int(self.lease * 500))
            together.set(_MEMORY, "1")
            together.execute()

    def leave(self, who: Who) -> None:
        """Give up a place in the queue, and the turn should it have come just now."""
        try:
            self.client.zrem(_QUEUE, who.identity)
            self.client.zrem(_SEEN, who.identity)
            self.client.hdel(_WHO, who.identity)
            self.release(who)
        except redis.RedisError:
            # The place ends by itself with the waiter's lease.
            return

    def renew(self, who: Who) -> bool:
        """Lengthen the lease; False: somebody else has the turn. Raises redis errors."""
        return self._lease(who).renew()

    def release(self, who: Who) -> None:
        """Pass the turn on; nothing happens when it is somebody else's already. Raises redis errors."""
        self._lease(who).release()

    def _lease(self, who: Who) -> Lease:
        return Lease(self.client, _HOLDER, _text(who), self.lease)

    def holder(self) -> Who | None:
        """Who has the turn now."""
        held = self.client.get(_HOLDER)
        return _who(str(held)) if held and held != UNKNOWN else None

    def waiting(self) -> list[Who]:
        """Who waits, first in the queue first."""
        order = [str(identity) for identity in self.client.zrange(_QUEUE, 0, -1)]
        known = self.client.hmget(_WHO, order) if order else []
        return [_who(str(text)) for text in known if text]

    def with_whom(self) -> str:
        """Who has the turn, for people."""
        try:
            holder = self.holder()
        except redis.RedisError:
            return "somebody (Redis does not answer)"
        return str(holder) if holder else "others in the queue"


def _text(who: Who) -> str:
    return json.dumps(asdict(who), sort_keys=True)


def _who(text: str) -> Who:
    return Who(**json.loads(text))
