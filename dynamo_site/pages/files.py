"""File operations: the queue, what is held and why, and what went on over time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dynamo_site.pages import plot
from dynamo_site.pages.lists import by_state
from dynamo_site.pages.shell import page, shown
from fileops import reports
from fileops.lifecycle import State
from fileops.models import Attempt, Subscription
from registry import rights
from registry.callers import caller_of

_SHOWN_ATTEMPTS = 20
_SHOWN_FAILURES = 50
PERIODS = {
    "1h": (timedelta(hours=1), timedelta(minutes=2)), "24h": (timedelta(days=1), timedelta(hours=1)),
    "7d": (timedelta(days=7), timedelta(hours=6)), "30d": (timedelta(days=30), timedelta(days=1)),
    "365d": (timedelta(days=365), timedelta(days=14)),
}  # fmt: skip
"""Periods that can be shown, each with the time that one column of a plot stands for."""
_ENTITIES = ("destination", "source", "link")


@require_safe
def files(request: HttpRequest) -> HttpResponse:
    """What is open by site, what is held by site and reason, the held files of those chosen, and the newest attempts."""
    held = Subscription.objects.filter(state=State.HELD)
    groups = held.values("site", "operation", "reason").annotate(files=Count("id"))
    chosen = {name: request.GET.get(name, "") for name in ("site", "reason")}
    text = request.GET.get("q", "").strip()
    held = held.filter(**{name: value for name, value in chosen.items() if value})
    attempts = Attempt.objects.all()
    if text:
        named = Q(lfn__contains=text) | Q(dataset__contains=text)
        held, attempts = held.filter(named), attempts.filter(named)
    data = {
        "queue": by_state(Subscription.objects.filter(open_key__isnull=False)),
        "groups": groups.order_by("site", "operation", "reason"),
        "held": shown(request, held.order_by("-updated", "-id")), "attempts": attempts[:_SHOWN_ATTEMPTS],
    }  # fmt: skip
    return page(
        request, "files", "files", data, text=text, site=chosen["site"], reason=chosen["reason"],
        may_release=bool(chosen["site"] or chosen["reason"]) and _releases(request, chosen["site"]),
    )  # fmt: skip


def _releases(request: HttpRequest, site: str) -> bool:
    """Whether the caller may release what is held at the site ("": at all)."""
    return rights.reaches(caller_of(request), "operator", "fileops", sites=[site] if site else None)


@require_safe
def activity(request: HttpRequest) -> HttpResponse:
    """Copies and deletions over a period, by destination, source or link, and the failures in it."""
    name = request.GET.get("period", "24h")
    period, step = PERIODS.get(name, PERIODS["24h"])
    entity = request.GET.get("by", "destination")
    entity = entity if entity in _ENTITIES else "destination"
    until = timezone.now().replace(microsecond=0) + timedelta(seconds=1)
    begin = until - period
    kinds = [
        _kind(*kind, begin, until, step)
        for kind in (("Copies", "copy", entity), ("Deletions", "delete", "destination"))
    ]
    failures = reports.failures(begin, until).head(_SHOWN_FAILURES).to_dicts()
    return page(
        request, "activity", "activity", {"kinds": kinds, "failures": failures}, period=name if name in PERIODS else "24h",
        periods=PERIODS, by=entity, entities=_ENTITIES,
    )  # fmt: skip


def _kind(title: str, operation: str, entity: str, begin: datetime, until: datetime, step: timedelta) -> dict[str, Any]:
    series = reports.series(reports.attempts(begin, until, operation), begin, step, entity)
    totals = series.group_by("entity").agg(pl.col("bytes", "files", "failed").sum())
    rows = totals.sort("bytes", "files", "entity", descending=[True, True, False]).to_dicts()
    times = _steps(begin, until, step)
    return {
        "title": title, "columns": plot.columns(series, times, [row["entity"] for row in rows]), "seconds": step.total_seconds(),
        "begin": begin, "until": until,
        "rows": [row | {"colour": plot.colour(number)} for number, row in enumerate(rows)],
        "bytes": int(series["bytes"].sum()), "files": int(series["files"].sum()), "failed": int(series["failed"].sum()),
        "rate": int(series["bytes"].sum()) / (until - begin).total_seconds(),
    }  # fmt: skip


def _steps(begin: datetime, until: datetime, step: timedelta) -> Iterable[int]:
    return range(int(begin.astimezone(UTC).timestamp()), int(until.timestamp()), int(step.total_seconds()))
