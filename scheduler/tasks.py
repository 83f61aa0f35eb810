"""The scheduler's own periodic work."""

from __future__ import annotations

from typing import Any

from celery import current_app, shared_task

from scheduler import applock
from scheduler import reconcile as work
from scheduler.isolation import ATTEMPT_HEADER
from scheduler.schedules import Schedule
from scheduler.settings import scheduler_settings

SCHEDULES = [Schedule(task="scheduler.reconcile", every=30), Schedule(task="scheduler.forget", every=86400)]


@shared_task(name="scheduler.reconcile", isolated=False)
def reconcile() -> None:
    """Mark runs and jobs that died, and send again the jobs whose worker went away."""
    work.reconcile(scheduler_settings(), send)


@shared_task(name="scheduler.forget", isolated=False)
def forget() -> None:
    """Delete runs and jobs that ended long ago, and locks of applications that have expired."""
    work.forget(scheduler_settings())
    applock.forget_expired()


def send(task: str, arguments: dict[str, Any], attempt: int) -> None:
    """Send a job once more."""
    current_app.send_task(task, kwargs=arguments, headers={ATTEMPT_HEADER: attempt})
