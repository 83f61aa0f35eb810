"""Jobs: a task executed in a process of its own, on record, at most one of a kind at a time, and not lost with its worker."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from django.conf import settings as django_settings
from django.db import close_old_connections
from django.utils import timezone

from scheduler import life
from scheduler.connection import connect
from scheduler.lease import Lease
from scheduler.life import BEATS_PER_LEASE
from scheduler.models import OPEN_STATES, Job, Run, State
from scheduler.process import Child, Ending
from scheduler.record import JOB_VARIABLE
from scheduler.settings import SchedulerSettings

STOPPING = threading.Event()
"""Set when this worker was told to end: its children end too, and their jobs are done by the next worker."""
STOPPED = "the worker was told to end"
_LEASE = "dynamo:alive:job:{key}"
_LOOK_SECONDS = 0.25
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Order:
    """What a message asks for: a task with keyword arguments; ``attempt`` counts from 1, ``limit`` is in seconds."""

    task: str
    arguments: dict[str, Any]
    message: str
    attempt: int
    limit: float

    @property
    def key(self) -> str:
        """Jobs of the same key do the same work."""
        text = json.dumps(self.arguments, sort_keys=True)
        return self.task if not self.arguments else f"{self.task}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def arguments_by_name(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The call's arguments by name, so that the same call always looks the same."""
    return dict(inspect.signature(function).bind(*args, **kwargs).arguments)


def lease_of(key: str, holder: str, seconds: float) -> Lease:
    """The lease that keeps a second job of the same key from starting."""
    return Lease(connect(), _LEASE.format(key=key), holder, seconds)


def is_held(key: str, holder: str) -> bool:
    """Whether the job that came with the message ``holder`` is alive. Raises redis errors."""
    return bool(connect().get(_LEASE.format(key=key)) == holder)


def execute(order: Order, settings: SchedulerSettings) -> Job | None:
    """Do the job in a new process and wait for its end; None when it goes on already, or was done before."""
    if Job.objects.filter(message=order.message).exists():
        _LOG.info("job is known already", task=order.task, message=order.message)
        return None
    lease = lease_of(order.key, order.message, settings.job_lease)
    if not lease.take():
        _LOG.info("job goes on already", task=order.task, arguments=order.arguments)
        return None
    try:
        job = _opened(order)
        _finish(job, _watched(job, order, lease, settings))
    finally:
        lease.release()
    return job


def refuse(order: Order, reason: str) -> None:
    """Put on record that the job did not start, and why."""
    now = timezone.now()
    _LOG.warning("job not started", task=order.task, reason=reason)
    Job.objects.get_or_create(
        message=order.message,
        defaults={
            "task": order.task, "arguments": order.arguments, "key": order.key, "state": State.FAILED,
            "attempt": order.attempt, "ended_at": now, "error": reason, "host": socket.gethostname(),
        },
    )  # fmt: skip


def _opened(order: Order) -> Job:
    return Job.objects.create(
        task=order.task, arguments=order.arguments, key=order.key, message=order.message, attempt=order.attempt,
        state=State.RUN, host=socket.gethostname(), started_at=timezone.now(),
    )  # fmt: skip


def _watched(job: Job, order: Order, lease: Lease, settings: SchedulerSettings) -> Ending:
    command = [sys.executable, str(django_settings.BASE_DIR / "manage.py"), "run_task", order.task]
    environment = {**os.environ, JOB_VARIABLE: str(job.pk), "PYTHONUNBUFFERED": "1"}
    child = Child(command, json.dumps(order.arguments), environment)
    Job.objects.filter(pk=job.pk).update(pid=child.pid)
    close_old_connections()
    return child.watch(_Look(job, child, lease, order.limit), _LOOK_SECONDS, settings.grace)


class _Look:
    """Looks after a child: renews its job's lease, keeps its output readable, and tells when it has to end."""

    def __init__(self, job: Job, child: Child, lease: Lease, limit: float) -> None:
        self._job, self._child, self._lease = job, child, lease
        self._limit, self._deadline = limit, time.monotonic() + limit
        self._next_beat = 0.0
        self._shown = ""

    def __call__(self) -> str | None:
        if STOPPING.is_set():
            return STOPPED
        now = time.monotonic()
        if now > self._deadline:
            return f"it took longer than its limit of {self._limit:g} s"
        if now < self._next_beat:
            return None
        self._next_beat = now + self._lease.seconds / BEATS_PER_LEASE
        self._show_output()
        return self._beat()

    def _beat(self) -> str | None:
        try:
            if not self._lease.renew():
                return "another worker does the same job"
            return "an operator ended it" if life.is_killed("job", self._job.pk) else None
        except redis.RedisError as error:
            _LOG.warning("no sign of life given", job=self._job.pk, reason=str(error))
            return None

    def _show_output(self) -> None:
        output = self._child.output
        if output != self._shown:
            self._shown = output
            Job.objects.filter(pk=self._job.pk).update(output=output)
            close_old_connections()


def _finish(job: Job, ending: Ending) -> None:
    """Record the end of the job, and of runs that its process could not end itself."""
    now = timezone.now()
    job.state, job.error = _judged(ending)
    job.exit_code, job.output, job.ended_at = ending.code, ending.output, now
    job.again = ending.reason == STOPPED
    close_old_connections()
    job.save(update_fields=["state", "error", "exit_code", "output", "ended_at", "again"])
    Run.objects.filter(job=job, state__in=OPEN_STATES).update(
        state=State.KILLED, ended_at=now, error=f"its process ended: {job.error or 'without ending the run'}"
    )
    report = _LOG.info if job.state == State.DONE else _LOG.warning
    report("job ended", job=job.pk, task=job.task, state=job.state, error=job.error, attempt=job.attempt)


def _judged(ending: Ending) -> tuple[State, str]:
    if ending.reason:
        return State.KILLED, ending.reason
    if ending.code == 0:
        return State.DONE, ""
    last = ending.output.strip().splitlines()[-1:] or ["it wrote nothing"]
    how = f"ended by signal {-ending.code}" if ending.code < 0 else f"ended with status {ending.code}"
    return State.FAILED, f"{how}: {last[0]}"
