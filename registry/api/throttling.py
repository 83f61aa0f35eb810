"""How many calls a user, or an address that nobody is known at, may make in a minute; counted in Redis for all web processes together."""

from __future__ import annotations

import time
from dataclasses import dataclass

import redis
import structlog
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from registry.callers import caller_of, looked_up
from registry.errors import TooManyCalls
from registry.identity import front
from registry.settings import registry_settings
from scheduler.connection import connect

_WINDOW = 60
_PAUSE = 10.0
_FRESH = 5.0
_KEY = "dynamo:calls:{who}:{window}"
_LOG = structlog.get_logger(__name__)


@dataclass
class _Known:
    """What this process remembers: the limits and until when they are taken for true, and until when Redis is not asked."""

    user: int = 0
    anonymous: int = 0
    fresh_until: float = 0.0
    pause_until: float = 0.0


_KNOWN = _Known()


def forget() -> None:
    """Read the limits anew, and ask Redis again, at the next call."""
    _KNOWN.fresh_until = _KNOWN.pause_until = 0.0


class CallThrottle(BaseThrottle):
    """Counts the call; the view tells ``limits`` in its headers."""

    def __init__(self) -> None:
        self._now = time.time()

    def allow_request(self, request: Request, view: object) -> bool:
        """Whether the caller has calls left in this minute. Redis away: yes, as this protects the server, and guards no right."""
        known = request.auth is not None
        user = request.user.pk if known else None
        most, count = _number(user, caller_of(request._request).address, self._now)
        if count is None:
            return True
        view.limits = {  # type: ignore[attr-defined]
            "X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(max(0, most - count)),
            "X-RateLimit-Reset": str(_left(self._now)),
        }  # fmt: skip
        return count <= most

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return float(_left(self._now))


def require_room(request: HttpRequest) -> None:
    """Count a call of a page or of the classic interface with those of ``/api/``. Raises TooManyCalls.

    By its user where it was looked up who calls, else by the address.
    """
    caller, now = looked_up(request), time.time()
    user = caller.user.pk if caller is not None and caller.known else None
    most, count = _number(user, front.address_of(request), now)
    if count is not None and count > most:
        raise TooManyCalls(f"more than {most} calls in a minute; wait {_left(now)} seconds", _left(now))


def _number(user: int | None, address: str, now: float) -> tuple[int, int | None]:
    """How many calls there may be in a minute by a user (None: from the address), and the number of this one; None: nobody counts."""
    most = _limit(user is not None)
    who = f"address:{address}" if user is None else f"user:{user}"
    return most, _counted(_KEY.format(who=who, window=int(now) // _WINDOW)) if most > 0 else None


def _left(now: float) -> int:
    """Seconds until the next minute begins."""
    return _WINDOW - int(now) % _WINDOW


def _limit(known: bool) -> int:
    if time.monotonic() > _KNOWN.fresh_until:
        settings = registry_settings()
        _KNOWN.user, _KNOWN.anonymous = settings.calls_per_minute, settings.anonymous_calls_per_minute
        _KNOWN.fresh_until = time.monotonic() + _FRESH
    return _KNOWN.user if known else _KNOWN.anonymous


def _counted(key: str) -> int | None:
    """This call's number in its minute; None: nobody counts."""
    if time.monotonic() < _KNOWN.pause_until:
        return None
    try:
        pipeline = connect().pipeline(transaction=False)
        pipeline.incr(key)
        pipeline.expire(key, 2 * _WINDOW)
        return int(pipeline.execute()[0])
    except redis.RedisError as error:
        _KNOWN.pause_until = time.monotonic() + _PAUSE
        _LOG.warning("calls are not limited while Redis is away", reason=str(error))
        return None
