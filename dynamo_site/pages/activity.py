"""What goes on: last and next cycles, queues, what is held, and alarms, from the database. Plain data for the front page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Min, Sum
from django_celery_beat.models import PeriodicTask

from consistency.models import Check
from detox import monitor
from fileops.lifecycle import State
from fileops.models import Subscription
from inventory.policy import versions
from registry import attribute_sources
from registry.models import Request
from registry.source_models import OnTrouble
from scheduler.models import Run

_OLD = timedelta(days=7)
_FRESH = timedelta(days=1)
_SHOWN_CHECKS = 200
_SHOWN_FINDINGS = 3


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


def requests_by_status() -> dict[str, int]:
    """Number of requests in each state."""
    return dict(Request.objects.values_list("status").annotate(Count("id")).order_by("status"))


def alarms(now: datetime) -> list[str]:
    """What needs a person, in words, the most urgent first."""
    return [
        *_failed_runs(now),
        *_refused_cycles(),
        *versions.alarms(),
        *_check_alarms(),
        *_sources(now),
        *_held(),
        *_old_operations(now),
    ]


def _refused_cycles() -> list[str]:
    """What waits for somebody to confirm it."""
    return [
        f"detox: {cycle} is refused by the guard and deleted nothing: {'; '.join(monitor.guard_texts(cycle)[:_SHOWN_FINDINGS])}"
        for cycle in monitor.refused()
    ]


def _failed_runs(now: datetime) -> list[str]:
    """Applications whose newest run failed within a day."""
    found = []
    for application in (
        Run.objects.filter(queued_at__gt=now - _FRESH)
        .values_list("application", flat=True)
        .distinct()
        .order_by("application")
    ):
        newest = Run.objects.filter(application=application, ended_at__isnull=False).first()
        if newest is not None and newest.state == "failed":
            found.append(
                f"{application}: run {newest.pk} failed: {newest.error.splitlines()[0] if newest.error else 'no text'}"
            )
    return found  # fmt: skip


def _check_alarms() -> list[str]:
    """Alarms of the newest check of each site and kind."""
    newest: dict[tuple[str, str], Check] = {}
    for check in Check.objects.filter(dry_run=False)[:_SHOWN_CHECKS]:
        newest.setdefault((check.site, check.kind), check)
    return [f"{check.site}, {check.kind} {check.pk}: {alarm}" for check in newest.values() for alarm in check.alarms]


def _sources(now: datetime) -> list[str]:
    """Attribute sources that fail or are too old, and what that leads to."""
    effects = {
        OnTrouble.STOP: "Detox cycles that need it do not start",
        OnTrouble.LAST_GOOD: "its last good values are used",
    }
    return [
        f"attribute source {source} {text}; {effects[OnTrouble(source.on_trouble)]}"
        for source, text in attribute_sources.troubled(now)
    ]


def _held() -> list[str]:
    rows = Subscription.objects.filter(state=State.HELD).values_list("site", "reason").annotate(Count("id"))
    return [
        f"{site}: {count} file operations held: {reason}" for site, reason, count in rows.order_by("site", "reason")
    ]


def _old_operations(now: datetime) -> list[str]:
    old = Subscription.objects.filter(open_key__isnull=False, created__lt=now - _OLD).exclude(state=State.HELD)
    rows = old.values_list("site", "operation").annotate(Count("id")).order_by("site", "operation")
    return [f"{site}: {count} files wait for {operation} for more than a week" for site, operation, count in rows]


def now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)
