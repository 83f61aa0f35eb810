"""The process's connection to Redis."""

from __future__ import annotations

import functools
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from scheduler.broker import sentinels
from scheduler.errors import QueueUnavailable

# A Redis that does not answer must not hold up a page or a sign of life.
_PATIENCE_SECONDS = 5.0


def connect() -> redis.Redis:
    """A client (thread-safe, connecting on use) of the Redis that ``settings.REDIS_URL`` names; answers are text."""
    return _connect(settings.REDIS_URL)


def require() -> None:
    """Raise :class:`QueueUnavailable` when Redis does not answer: for who would rather know than wait for it."""
    try:
        connect().ping()
    except redis.RedisError as error:
        raise QueueUnavailable(
            f"Redis at {settings.REDIS_URL.rpartition('@')[2]} does not answer ({error}); nobody can get a turn to write "
            "before it is there again"
        ) from error


@functools.cache
def _connect(url: str) -> redis.Redis:
    options: dict[str, Any] = {
        "decode_responses": True, "socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS,
        # Once more at once, for a connection that went stale; whoever can wait longer does so himself.
        "retry": Retry(NoBackoff(), 1),
    }  # fmt: skip
    watched = sentinels(url)
    if watched is None:
        return redis.Redis.from_url(url, **options)
    sentinel: Any = Sentinel(list(watched.hosts), socket_timeout=_PATIENCE_SECONDS)  # type: ignore[no-untyped-call]
    client: redis.Redis = sentinel.master_for(watched.master, db=watched.database, password=watched.password, **options)
    return client
