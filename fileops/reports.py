"""Where file operations stand, for pages, metrics, commands and alarms; each function is one or two queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from django.db.models import Count, Min, Q, QuerySet, Sum
from django.utils import timezone

from fileops.lifecycle import MOMENT, OPEN, State
from fileops.models import Attempt, Subscription
from fileops.settings import FileopsSettings
from inventory.tuning import tuned

COUNTS = pl.Schema(
    {
        "site": pl.String, "operation": pl.String, "state": pl.String, "reason": pl.String, "files": pl.Int64,
        "bytes": pl.Int64, "oldest": MOMENT,
    }
)  # fmt: skip
SERIES = pl.Schema({"time": pl.Int64, "entity": pl.String, "files": pl.Int64, "failed": pl.Int64, "bytes": pl.Int64})

ATTEMPTS = pl.Schema(
    {
        "finished": MOMENT, "source": pl.String, "destination": pl.String, "exit_code": pl.Int64,
        "size": pl.Int64,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Status:
    """All that is open or not yet in the inventory, in numbers of files; ``overdue``: open for longer than the limit."""

    open: dict[str, int]
    held: dict[str, int]
    unreported: int
    overdue: int
    oldest: datetime | None
    limit_days: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``, times in ISO format."""
        return {**asdict(self), "oldest": self.oldest.isoformat() if self.oldest else None}


def status(now: datetime | None = None) -> Status:
    """The whole in a few numbers."""
    limit = tuned("fileops", FileopsSettings).report_after_days
    rows = Subscription.objects.filter(state__in=OPEN)
    before = (now or timezone.now()) - timedelta(days=limit)
    counts = dict(rows.values_list("state").annotate(Count("id")).order_by("state"))
    held = dict(rows.filter(state=State.HELD).values_list("reason").annotate(Count("id")).order_by("reason"))
    unreported = Subscription.objects.filter(state=State.DONE, reported=False).exclude(dataset="").count()
    oldest = rows.aggregate(oldest=Min("created"))["oldest"]
    return Status(counts, held, unreported, rows.filter(created__lt=before).count(), oldest, limit)


def counts(site: str | None = None) -> pl.DataFrame:
    """Open files by site, operation, state and reason; columns of ``COUNTS``."""
    rows = Subscription.objects.filter(state__in=OPEN)
    if site is not None:
        rows = rows.filter(site=site)
    groups = rows.values_list("site", "operation", "state", "reason")
    found = groups.annotate(Count("id"), Sum("size"), Min("created")).order_by("site", "operation", "state", "reason")
    return pl.DataFrame(list(found), schema=COUNTS, orient="row")


def overdue(limit: int = 1000, now: datetime | None = None) -> QuerySet[Subscription]:
    """What has been open for longer than the setting ``report_after_days``, oldest first."""
    days = tuned("fileops", FileopsSettings).report_after_days
    before = (now or timezone.now()) - timedelta(days=days)
    return Subscription.objects.filter(state__in=OPEN, created__lt=before).order_by("created", "id")[:limit]


def history(
    since: datetime, until: datetime, *, operation: str = "", source: str = "", destination: str = ""
) -> QuerySet[Attempt]:
    """Attempts that ended in a period, newest first."""
    rows = Attempt.objects.filter(finished__gte=since, finished__lt=until)
    given = {"operation": operation, "source": source, "destination": destination}
    return rows.filter(**{name: value for name, value in given.items() if value})


def attempts(since: datetime, until: datetime, operation: str) -> pl.DataFrame:
    """Attempts that ended in a period; columns of ``ATTEMPTS``."""
    rows = history(since, until, operation=operation).values_list(*ATTEMPTS.names())
    return pl.DataFrame(list(rows), schema=ATTEMPTS, orient="row")


def attempts_by_day(since: datetime, until: datetime, operation: str) -> Iterator[pl.DataFrame]:
    """The same a day at a time, for periods of any length: only one day's attempts are in memory."""
    first = history(since, until, operation=operation).aggregate(first=Min("finished"))["first"] or until
    while first < until:
        end = min(first + timedelta(days=1), until)
        yield attempts(first, end, operation)
        first = end


def series(tried: pl.DataFrame, begin: datetime, step: timedelta, entity: str = "destination") -> pl.DataFrame:
    """Volume over time, for plots: for each ``step`` since ``begin`` and ``entity`` columns of ``SERIES``; pure.

    ``tried``: columns of ``ATTEMPTS``. ``entity``: source, destination or link. ``time``: UTC seconds of a step's begin;
    bytes are those of successful attempts.
    """
    who = pl.format("{} → {}", "source", "destination") if entity == "link" else pl.col(entity)
    start, seconds = int(begin.timestamp()), int(step.total_seconds())
    moment = (pl.col("finished").dt.epoch("s") - start) // seconds * seconds + start
    good = pl.col("exit_code") == 0
    grouped = tried.group_by(moment.alias("time"), who.alias("entity")).agg(
        good.sum().cast(pl.Int64).alias("files"), (~good).sum().cast(pl.Int64).alias("failed"),
        pl.col("size").filter(good).sum().alias("bytes"),
    )  # fmt: skip
    return grouped.select(SERIES.names()).sort("time", "entity")


def failures(since: datetime, until: datetime) -> pl.DataFrame:
    """Failed attempts by code: operation, source, destination, exit_code, failures, and one message of each."""
    rows = history(since, until).filter(~Q(exit_code=0))
    groups = rows.values_list("operation", "source", "destination", "exit_code")
    found = groups.annotate(number=Count("id"), text=Min("message")).order_by(
        "-number", "operation", "source", "destination"
    )
    schema = {
        "operation": pl.String, "source": pl.String, "destination": pl.String, "exit_code": pl.Int64,
        "failures": pl.Int64, "message": pl.String,
    }  # fmt: skip
    return pl.DataFrame(list(found), schema=schema, orient="row")
