"""Which line of the policies has protected, kept and deleted how much."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from detox import monitor
from detox.line_history import Read, read
from dynamo_site.pages import plot
from dynamo_site.pages.bars import Bar, stacked
from dynamo_site.pages.shell import page
from inventory.errors import InventoryError
from inventory.units import volume

_YEAR = timedelta(days=365)
_OTHERS = "other lines"
_DAYS_OF = {"day": 62, "week": 400}


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The accounts of a partition's lines, of the last year unless other days are wanted, with what each protected over time."""
    known = monitor.partitions()
    partition = request.GET.get("partition") or (known[0]["name"] if known else "")
    today = datetime.now(UTC).date()
    since, until = _day(request, "since", today - _YEAR), _day(request, "until", today)
    shown: dict[str, Any] = {
        "partition": partition,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "lines": [],
        "error": "",
    }
    drawn: dict[str, Any] = {}
    try:
        found = read(partition, *_span(since, until))
        shown |= {"lines": found.accounts().to_dicts(), "cycles": found.cycles, "missing": found.missing}
        drawn = _drawn(found, (until - since).days, shown["lines"])
    except InventoryError as error:
        shown["error"] = str(error)
    return page(request, "detox", "detox_lines", shown, partitions=known, **drawn)


def _day(request: HttpRequest, name: str, default: date) -> date:
    try:
        return date.fromisoformat(request.GET.get(name, ""))
    except ValueError:
        return default


def _span(since: date, until: date) -> tuple[int, int]:
    """From the first day's begin to the last day's end, in UTC seconds."""
    first, last = (int(datetime.combine(day, datetime.min.time(), UTC).timestamp()) for day in (since, until))
    return first, last + 86_400


def _drawn(found: Read, days: int, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows with bars, and a column of what the largest lines protected for each day, week or month."""
    largest = (
        max((row["protected"] + row["kept"] for row in lines), default=0),
        max((row["deleted"] for row in lines), default=0),
    )
    per = next((name for name, most in _DAYS_OF.items() if days <= most), "month")
    coloured = [row["line"] for row in lines[: plot.COLOURS - 1]]
    entity = pl.when(pl.col("line").is_in(coloured)).then("line").otherwise(pl.lit(_OTHERS))
    series = found.accounts(per).group_by(time=pl.col("period").cast(pl.Datetime).dt.epoch("s"), entity=entity)
    summed = series.agg(bytes=pl.col("protected").sum())
    return {
        "rows": [_row(row, rank, largest) for rank, row in enumerate(lines)], "per": per,
        "boxes": plot.columns(summed, sorted(set(summed["time"])), [*dict.fromkeys(coloured), _OTHERS]),
    }  # fmt: skip


def _row(row: dict[str, Any], rank: int, largest: tuple[int, int]) -> dict[str, Any]:
    """``largest``: bytes that the whole width stands for, of what stays and of what went; the one is a mean, the other a sum."""
    words = f"protected {volume(row['protected'])}, kept {volume(row['kept'])}, deleted {volume(row['deleted'])}"
    parts = stacked([("protect", row["protected"]), ("keep", row["kept"])], largest[0])
    gone = Bar(f"deleted {volume(row['deleted'])}", stacked([("delete", row["deleted"])], largest[1]))
    return row | {"bar": Bar(words, parts), "gone": gone, "colour": plot.colour(rank) if row["protected"] else None}
