"""Which process a task runs in: by default a new one for each execution.

The worker's pool is threads, so no process is ever forked from one that has used Polars or gRPC. A cycle gets a new
interpreter (its memory goes back to the system, and it can be ended whatever it does); a small and frequent task says
``@shared_task(isolated=False)`` and runs in the worker's thread.
"""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

from celery import Task

from scheduler import applock, history, jobs
from scheduler.life import BEATS_PER_LEASE, Pulse
from scheduler.record import JOB_VARIABLE
from scheduler.settings import SchedulerSettings, scheduler_settings

ATTEMPT_HEADER = "dynamo_attempt"
AUTHOR = "dynamo"


class IsolatedTask(Task):  # type: ignore[misc]
    """The application's task class. ``isolated``: in a new process; ``limit``: seconds it may take (None: as tuned)."""

    isolated: ClassVar[bool] = True
    limit: ClassVar[float | None] = None
    Request = "scheduler.messages:LastingRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Called in the worker for each message; elsewhere (tests, commands, the child) it simply calls the function."""
        if self.request.called_directly or self.request.is_eager or JOB_VARIABLE in os.environ:
            return self.run(*args, **kwargs)
        settings = scheduler_settings()
        order = self._order(args, kwargs, settings)
        holder = applock.held(self.name.split(".")[0])
        if holder is not None and holder.user != AUTHOR:
            return jobs.refuse(order, f"{holder.application} is stopped by {holder}")
        if not self.isolated:
            return self._run_here(order, settings)
        began = time.time()
        job = jobs.execute(order, settings)
        if job is not None:
            history.note(self.name, began, job.state, job.error)
        return None

    def _order(self, args: tuple[Any, ...], kwargs: dict[str, Any], settings: SchedulerSettings) -> jobs.Order:
        arguments = jobs.arguments_by_name(self.run, args, kwargs)
        attempt = int(self.request.get(ATTEMPT_HEADER) or 1)
        return jobs.Order(self.name, arguments, self.request.id, attempt, self.limit or settings.job_limit)

    def _run_here(self, order: jobs.Order, settings: SchedulerSettings) -> None:
        """In this thread; like any job never twice at a time."""
        lease = jobs.lease_of(order.key, order.message, settings.job_lease)
        if not lease.take():
            return
        pulse = Pulse(order.task, settings.job_lease / BEATS_PER_LEASE, lease.renew)
        began, state, error = time.time(), "failed", "it raised an error; the worker's log has it"
        try:
            pulse.start()
            self.run(**order.arguments)
            state, error = "done", ""
        finally:
            pulse.stop()
            lease.release()
            history.note(self.name, began, state, error)
