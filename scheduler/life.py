"""Signs of life in Redis: of runs, jobs and workers; and the flag by which an operator ends a run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import redis
import structlog

from scheduler.connection import connect

_ALIVE = "dynamo:alive:{kind}:{name}"
_KILL = "dynamo:kill:{kind}:{name}"
_KILL_SECONDS = 86400
BEATS_PER_LEASE = 4
"""Signs of life that whoever holds a lease gives while it lasts."""
_MEMORY = "dynamo:alive-since"

# Seconds since the first look after Redis was last emptied.
_MEMORY_AGE = """
local now = redis.call('TIME')[1]
redis.call('SET', KEYS[1], now, 'NX')
return now - redis.call('GET', KEYS[1])
"""
_LOG = structlog.get_logger(__name__)


def give(kind: str, name: object, seconds: float, facts: dict[str, object] | None = None) -> None:
    """Say that ``kind`` (run, job, worker) ``name`` lives; holds for ``seconds``. Raises redis errors."""
    connect().set(_ALIVE.format(kind=kind, name=name), json.dumps(facts or {}), px=int(seconds * 1000))


def end(kind: str, name: object) -> None:
    """It has ended in good order. Raises redis errors."""
    connect().delete(_ALIVE.format(kind=kind, name=name), _KILL.format(kind=kind, name=name))


def is_alive(kind: str, name: object) -> bool:
    """Whether it gave a sign of life that still holds. Raises redis errors."""
    return bool(connect().exists(_ALIVE.format(kind=kind, name=name)))


def living(kind: str) -> list[str]:
    """Names of all of the kind that live. Raises redis errors."""
    prefix = _ALIVE.format(kind=kind, name="")
    return sorted(key.removeprefix(prefix) for key in connect().scan_iter(f"{prefix}*", count=1000))


def remembers(seconds: float) -> bool:
    """Whether Redis has been up, and has forgotten nothing, so long that a missing sign of life means something.

    Raises redis errors.
    """
    client = connect()
    if int(client.info("server")["uptime_in_seconds"]) <= seconds:
        return False
    return int(client.eval(_MEMORY_AGE, 1, _MEMORY)) > seconds


def kill(kind: str, name: object) -> None:
    """Ask it to end; its next sign of life sees this. Raises redis errors."""
    connect().set(_KILL.format(kind=kind, name=name), "1", ex=_KILL_SECONDS)


def is_killed(kind: str, name: object) -> bool:
    """Whether somebody asked it to end. Raises redis errors."""
    return bool(connect().exists(_KILL.format(kind=kind, name=name)))


class Pulse:
    """Calls ``beat`` again and again in a thread. It may fail while Redis is away: then it is simply called again."""

    def __init__(self, name: str, seconds: float, beat: Callable[[], object]) -> None:
        self._beat, self._seconds = beat, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go, name=f"pulse-{name}", daemon=True)
        self.last_success = time.monotonic()

    def start(self) -> None:
        """Give the first sign now (its errors are the caller's), the others from the thread."""
        self.once()
        self._thread.start()

    def once(self) -> None:
        """One sign of life from the calling thread. Raises redis errors."""
        began = time.monotonic()
        self._beat()
        # From before the call: the lease began at the latest when Redis did it.
        self.last_success = began

    def stop(self) -> None:
        """No more signs; returns when the thread has ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _go(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self.once()
            except redis.RedisError as error:
                _LOG.warning("no sign of life given", thread=self._thread.name, reason=str(error))
