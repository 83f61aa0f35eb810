"""The classic endpoints ``transfers/…`` and ``deletions/history``; volumes in GB, times in UTC seconds."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from django.db.models import Count
from django.utils import timezone

from fileops import reports
from fileops.lifecycle import Reason, State
from fileops.models import Attempt, Operation, Subscription
from inventory import client
from registry.classic.addresses import classic
from registry.classic.envelope import Call, Parameter, View, endpoint
from registry.errors import Refused

_GB = 1e9
_TIME = "%Y-%m-%d %H:%M:%S"
_REASONS = (Reason.NO_SOURCE, Reason.ALL_FAILED, Reason.SITE_UNAVAILABLE)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_STEPS = (timedelta(weeks=1), timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))
_FEWEST_STEPS = 10
_LONGEST = timedelta(weeks=52 * 20)
_MOST = 10_000
_HISTORY = (
    Parameter("graph", choices=("volume", "number", "rate", "cumulative"), default="volume"),
    Parameter("src_filter", default="%"), Parameter("no_mss", "boolean", default=True), Parameter("period", default="24h"),
    Parameter("upto", default="0h"), Parameter("exit_code", default="0"),
)  # fmt: skip
_ENTITIES = {"dest": "destination", "src": "source", "link": "link"}
_UNIT_OF = {"volume": " GB", "number": "", "rate": " GB/s"}
_YAXIS = {"volume": "volume (GB)", "number": "files", "rate": "rate (GB/s)", "cumulative": "cumulative volume (GB)"}


@endpoint()
def current(call: Call) -> list[dict[str, Any]]:
    """Copies that are under way, oldest first."""
    rows = (
        Subscription.objects.filter(operation=Operation.COPY, state=State.INBATCH)
        .select_related("batch")
        .order_by("id")
    )
    call.message = f"{rows.count()} under way"
    return [
        {
            "id": row.pk, "from": row.source, "to": row.site, "lfn": row.lfn, "size": row.size, "status": "inprogress",
            "start": f"{row.batch.created:{_TIME}}" if row.batch else "", "finish": "",
        }
        for row in rows[:_MOST]
    ]  # fmt: skip


@endpoint()
def held_summary(call: Call) -> list[dict[str, Any]]:
    """Held copies by site and reason."""
    held = Subscription.objects.filter(operation=Operation.COPY, state=State.HELD)
    sites: dict[str, dict[str, int]] = {}
    for site, reason, count in held.values_list("site", "reason").annotate(Count("id")).order_by("site"):
        counts = sites.setdefault(site, {**dict.fromkeys(map(str, _REASONS), 0), "unknown": 0})
        # Reasons that the first Dynamo did not know are told by their own names, too.
        counts[reason] = count
        if reason not in _REASONS:
            counts["unknown"] += count
    return [{"site": site, "counts": counts} for site, counts in sites.items()]


@endpoint(Parameter("site"), Parameter("reason"))
def held_detail(call: Call) -> list[dict[str, Any]]:
    """Held copies, with what was tried."""
    rows = Subscription.objects.filter(operation=Operation.COPY, state=State.HELD).order_by("id")
    if call["site"]:
        rows = rows.filter(site=call["site"])
    if call["reason"] == "unknown":
        rows = rows.exclude(reason__in=_REASONS)
    elif call["reason"]:
        rows = rows.filter(reason=call["reason"])
    found = list(rows[:_MOST])
    if len(found) == _MOST:
        call.message = f"only the first {_MOST} are shown; ask for a site or a reason"
    tried: dict[int, list[dict[str, Any]]] = {}
    failed = Attempt.objects.filter(subscription__in=[row.pk for row in found]).order_by("id")
    for number, source, code in failed.values_list("subscription", "source", "exit_code"):
        tried.setdefault(number, []).append({"source": source, "exitcode": code})
    return [
        {
            "id": row.pk, "file": row.lfn, "destination": row.site, "reason": row.reason, "message": row.message,
            **({"attempts": tried.get(row.pk, [])} if row.reason == Reason.ALL_FAILED else {}),
        }
        for row in found
    ]  # fmt: skip


@endpoint(
    *_HISTORY, Parameter("entity", choices=tuple(_ENTITIES), default="dest"), Parameter("dest_filter", default="%")
)
def transfers_history(call: Call) -> list[dict[str, Any]]:
    """Copies over time, by destination, source or link."""
    return _plotted(call, "copy", _ENTITIES[call["entity"]])


@endpoint(*_HISTORY)
def deletions_history(call: Call) -> list[dict[str, Any]]:
    """Deletions over time, by site; ``src_filter`` chooses sites."""
    return _plotted(call, "delete", "destination")


def _plotted(call: Call, operation: str, entity: str) -> list[dict[str, Any]]:
    # Whole seconds: what ended just now falls into the last step.
    back, period = _duration("upto", call["upto"]), _duration("period", call["period"])
    if back + period > _LONGEST:
        raise Refused(f"period, upto: {back.days + period.days} days back; at most {_LONGEST.days}")
    until = timezone.now().replace(microsecond=0) + timedelta(seconds=1) - back
    since = until - period
    step = _step(until - since)
    chosen = _chosen(call, operation)
    # What was chosen by its code is what is shown, whether it succeeded or not.
    shown = pl.lit(0, pl.Int64).alias("exit_code")
    counted = [
        reports.series(tried.filter(chosen).with_columns(shown), since, step, entity)
        for tried in reports.attempts_by_day(since, until, operation)
    ]
    summed = pl.concat([pl.DataFrame(schema=reports.SERIES), *counted]).group_by("time", "entity").agg(pl.all().sum())
    series = _series(summed, since, until, step, call["graph"])
    heading = _heading(series, operation, call["graph"], since, until)
    return (
        [{**heading, **first} for first in series[:1]] + series[1:] if series else [{**heading, "name": "", "data": []}]
    )


def _chosen(call: Call, operation: str) -> list[pl.Expr]:
    """Which attempts the call asks for; all have to hold."""
    at_source = "destination" if operation == "delete" else "source"
    chosen = [_like(at_source, call["src_filter"]), _code(call["exit_code"])]
    if operation == "copy":
        chosen.append(_like("destination", call["dest_filter"]))
    if call["no_mss"]:
        ends = ("source", "destination") if operation == "copy" else ("destination",)
        chosen += [~pl.col(end).is_in(_tapes()) for end in ends]
    return chosen


def _series(
    counted: pl.DataFrame, since: datetime, until: datetime, step: timedelta, graph: str
) -> list[dict[str, Any]]:
    """One series an entity, a value each step; largest first."""
    begin, seconds = int(since.timestamp()), int(step.total_seconds())
    times = list(range(begin, max(int(until.timestamp()), begin + 1), seconds))
    column = "files" if graph == "number" else "bytes"
    found = []
    for (name,), part in counted.group_by("entity"):
        values = dict(part.select("time", column).iter_rows())
        found.append((sum(values.values()), str(name), [values.get(time, 0) for time in times]))
    scale = {"number": 1.0, "rate": _GB * seconds}.get(graph, _GB)
    shown = []
    for _, name, numbers in sorted(found, key=lambda row: (-row[0], row[1])):
        scaled = [number / scale for number in numbers]
        if graph == "cumulative":
            scaled = list(itertools.accumulate(scaled))
        data = [{"time": time, "y_value": value} for time, value in zip(times, scaled, strict=True)]
        shown.append({"name": name, "data": data})
    return shown


def _heading(
    series: list[dict[str, Any]], operation: str, graph: str, since: datetime, until: datetime
) -> dict[str, Any]:
    totals = [
        sum(point["y_value"] for point in points) for points in zip(*(row["data"] for row in series), strict=True)
    ]
    seconds = (until - since).total_seconds()
    if not totals:
        summary = "nothing"
    elif graph == "cumulative":
        summary = f"Total: {totals[-1]:.3f} GB, Avg Rate: {totals[-1] / seconds:.3f} GB/s"
    else:
        numbers = {"Min": min(totals), "Max": max(totals), "Avg": sum(totals) / len(totals), "Last": totals[-1]}
        summary = ", ".join(f"{name}: {number:.3f}{_UNIT_OF[graph]}" for name, number in numbers.items())
    return {
        "title": f"{'Transfers' if operation == 'copy' else 'Deletions'}: {graph}",
        "subtitle": f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC", "yaxis_label": _YAXIS[graph],
        "summary_string": summary, "timing_string": f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC",
    }  # fmt: skip


def _duration(name: str, text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if found is None:
        raise Refused(f"{name}: {text[:40]!r} is no duration such as 24h, 7d or 2w")
    return int(found[1]) * _UNITS[found[2]]


def _step(period: timedelta) -> timedelta:
    return next((step for step in _STEPS if period / step >= _FEWEST_STEPS), _STEPS[-1])


def _like(column: str, pattern: str) -> pl.Expr:
    """SQL's LIKE: ``%`` any text, ``_`` any character; an empty pattern does not filter, as forms send it."""
    if not pattern:
        return pl.lit(True)
    parts = (".*" if character == "%" else "." if character == "_" else re.escape(character) for character in pattern)
    return pl.col(column).str.contains(f"^{''.join(parts)}$")


def _code(text: str) -> pl.Expr:
    found = re.fullmatch(r"(!?)(-?\d{1,9})", text)
    if text == "*":
        return pl.lit(True)
    if found is None:
        raise Refused(f"exit_code: {text[:40]!r} is neither a number, nor !number, nor *")
    same = pl.col("exit_code") == int(found[2])
    return ~same if found[1] else same


def _tapes() -> list[str]:
    sites = client.snapshot().frame("sites")
    return sites.filter(pl.col("storage_type") == "MSS")["name"].to_list()


CLASSIC: dict[str, View] = {
    "transfers/current": current,
    "transfers/held/summary": held_summary,
    "transfers/held/detail": held_detail,
    "transfers/history": transfers_history,
    "deletions/history": deletions_history,
}
urlpatterns = classic(CLASSIC)
