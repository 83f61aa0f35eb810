"""What the worker does for file operations."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from fileops import lost
from fileops.rounds import APPLICATION
from fileops.rounds import advance as advance_round
from fileops.settings import FileopsSettings
from inventory.tuning import tuned
from scheduler.runs import writer
from scheduler.schedules import Schedule

SCHEDULES = [Schedule(task="fileops.advance", every=30), Schedule(task="fileops.remake", every=3600)]


@shared_task(name="fileops.advance")
def advance() -> dict[str, Any]:
    """One round: take over, plan, move, report, clean."""
    return advance_round().as_dict()


@shared_task(name="fileops.remake")
def remake() -> int:
    """Make lost subscriptions again; how many files."""
    with writer(APPLICATION, {"what": "remake"}, APPLICATION) as run:
        return lost.remake(run, tuned(APPLICATION, FileopsSettings))
