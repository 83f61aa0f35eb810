"""What the worker does for file operations."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from fileops.rounds import advance as advance_round
from scheduler.schedules import Schedule

SCHEDULES = [Schedule(task="fileops.advance", every=30)]


@shared_task(name="fileops.advance")
def advance() -> dict[str, Any]:
    """One round: take over, plan, move, report, clean."""
    return advance_round().as_dict()
