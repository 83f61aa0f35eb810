"""The scheduler's own periodic work."""

from __future__ import annotations

from typing import Any

from celery import current_app, shared_task

from inventory import run_tokens
from scheduler import applock
from scheduler import reconcile as work
from scheduler.isolation import ATTEMPT_HEADER
from scheduler.programs import files, keeper, places
from scheduler.schedules import Schedule
from scheduler.sequencing import advance
from scheduler.settings import scheduler_settings
from scheduler.trying import all_tried

SCHEDULES = [
    Schedule(task="scheduler.reconcile", every=30),
    Schedule(task="scheduler.forget", every=86400),
    Schedule(task="scheduler.sequences", every=5),
]
_LONGEST_SECONDS = 30 * 86400.0


@shared_task(name="scheduler.reconcile", isolated=False)
def reconcile() -> None:
    """Mark runs and jobs that died, and send again the jobs whose worker went away."""
    work.reconcile(scheduler_settings(), send)


@shared_task(name="scheduler.forget", isolated=False)
def forget() -> None:
    """Delete runs and jobs that ended long ago, and locks of applications that have expired."""
    work.forget(scheduler_settings())
    files.forget(scheduler_settings().keep_days)
    run_tokens.forget()
    applock.forget_expired()


@shared_task(name="scheduler.application", limit=_LONGEST_SECONDS)
def application(application: int) -> None:
    """Run one user's program; its own limit counts, not that of cycles."""
    keeper.keep(application)


@shared_task(name="scheduler.sequences", isolated=False)
def sequences() -> None:
    """Do the next step of sequences whose time has come, and give programs that wait to workers."""
    parts = {"lost programs": keeper.settle_lost, "steps": advance.advance_all, "places": places.dispatch}
    all_tried("sequences and programs", parts)


def send(task: str, arguments: dict[str, Any], attempt: int) -> None:
    """Send a job once more."""
    current_app.send_task(task, kwargs=arguments, headers={ATTEMPT_HEADER: attempt})
