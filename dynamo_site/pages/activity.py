"""What goes on: last and next cycles, queues and rates, from the database. Plain data for the front page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Min, Q, Sum
from django_celery_beat.models import PeriodicTask

from fileops.models import Attempt, Subscription
from registry.models import Request
from scheduler.models import Run

_RECENTLY = timedelta(hours=1)


@dataclass(frozen=True)
class Activity:
    """One kind of work: its last run and when the next one is due (None: not scheduled)."""

    name: str
    last: datetime | None
    state: str
    error: str
    next: datetime | None
    run: int | None = None


_APPLICATIONS = {
    "detox": "detox.start_cycles", "dealer": "dealer.cycle", "consistency": "consistency.start_due", "fileops": "fileops.advance",
}  # fmt: skip


def activities() -> list[Activity]:
    """Detox, Dealer, consistency and file operations."""
    return [_activity(application, task) for application, task in _APPLICATIONS.items()]


def _activity(application: str, task: str) -> Activity:
    run = Run.objects.filter(application=application).first()
    started = (run.started_at or run.queued_at) if run else None
    return Activity(
        application, started, run.state if run else "", run.error if run else "", _next(task), run.pk if run else None
    )


def _next(task: str) -> datetime | None:
    dues = []
    for row in PeriodicTask.objects.filter(task=task, enabled=True).select_related("interval", "crontab"):
        since = row.last_run_at or row.date_changed
        dues.append(since + row.schedule.remaining_estimate(since))
    return min(dues, default=None)


@dataclass(frozen=True)
class Queue:
    """Operations of one kind in one state."""

    operation: str
    state: str
    files: int
    size: int
    oldest: datetime


def queues() -> list[Queue]:
    """Open file operations by kind and state."""
    rows = (
        Subscription.objects.filter(open_key__isnull=False)
        .values("operation", "state")
        .annotate(files=Count("id"), size=Sum("size"), oldest=Min("created"))
        .order_by("operation", "state")
    )
    return [Queue(**row) for row in rows]


@dataclass(frozen=True)
class Rate:
    """What ended well and what failed within the last hour."""

    operation: str
    files: int
    size: int
    failed: int

    @property
    def per_second(self) -> float:
        """Bytes per second."""
        return self.size / _RECENTLY.total_seconds()


def rates(now: datetime) -> list[Rate]:
    """Copies and deletions of the last hour."""
    ended = Attempt.objects.filter(finished__gt=now - _RECENTLY).order_by().values("operation")
    well = Q(exit_code=0)
    rows = {
        row["operation"]: row
        for row in ended.annotate(
            files=Count("id", filter=well), size=Sum("size", filter=well), failed=Count("id", filter=~well)
        )
    }
    nothing = {"files": 0, "size": 0, "failed": 0}
    found = ((name, rows.get(name, nothing)) for name in ("copy", "delete"))
    return [Rate(name, row["files"], row["size"] or 0, row["failed"]) for name, row in found]


def requests_by_status() -> dict[str, int]:
    """Number of requests in each state."""
    return dict(Request.objects.values_list("status").annotate(Count("id")).order_by("status"))


def now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)
