"""When each task last ended, and how: kept in Redis for the health page and the metrics (jobs are in the database too)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import redis
import structlog

from scheduler.connection import connect

_LAST = "dynamo:tasks:last"
_DONE = "dynamo:tasks:done"
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LastTime:
    """One task's last end: ``ended`` in UTC seconds, ``seconds`` it took, ``done`` when it last ended well (0: never)."""

    task: str
    ended: float
    seconds: float
    state: str
    error: str
    done: float


def note(task: str, began: float, state: str, error: str) -> None:
    """Keep how a task ended; without Redis it is not kept."""
    ended = time.time()
    try:
        client = connect()
        client.hset(_LAST, task, json.dumps({"ended": ended, "seconds": ended - began, "state": state, "error": error}))
        if state == "done":
            client.hset(_DONE, task, ended)
    except redis.RedisError as gone:
        _LOG.warning("end of task not kept", task=task, reason=str(gone))


def last_times() -> list[LastTime]:
    """Every task's last end, by name. Raises redis errors."""
    done = connect().hgetall(_DONE)
    kept = {str(task): str(facts) for task, facts in connect().hgetall(_LAST).items()}
    return [LastTime(task=task, done=float(done.get(task, 0)), **json.loads(kept[task])) for task in sorted(kept)]
