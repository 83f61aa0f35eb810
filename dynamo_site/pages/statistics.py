"""Inventory statistics: size, replication and usage by any category, with constraints."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from dynamo_site.pages import plot
from dynamo_site.pages.bars import Bar, stacked
from dynamo_site.pages.shell import page
from inventory import client, statistics
from inventory.snapshot import Snapshot
from inventory.units import volume

_TB = 1e12
_SHOWN = 64
KINDS = ("size", "replication", "usage")


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """A bar for each value of the category, or for each site; constraints are regular expressions by category."""
    kind, by = request.GET.get("statistic", "size"), request.GET.get("list_by", "data_type")
    kind = kind if kind in KINDS else "size"
    constraints = {name: request.GET.get(name, "").split() for name in statistics.CATEGORIES}
    physical = request.GET.get("physical", "y") != "n"
    snapshot, error = client.snapshot(), ""
    answer: dict[str, Any] = {"statistic": kind, "content": []}
    try:
        answer = _asked(snapshot, kind, by, constraints, physical)
    except statistics.StatisticsError as mistake:
        error = str(mistake)
    return page(
        request, "statistics", "statistics", {"statistic": kind, "content": answer["content"], "error": error}, kinds=KINDS,
        by=by, categories=[(name, " ".join(values)) for name, values in constraints.items()], inventory_version=snapshot.version,
        rows=_ROWS[kind](answer), num_rows=len(answer["content"]), shown=_SHOWN,
        keys=[(key, plot.colour(rank)) for rank, key in enumerate(answer.get("keys", [])[:plot.COLOURS])],
        api=_address(kind, by, constraints, physical), physical=physical,
    )  # fmt: skip


def _asked(
    snapshot: Snapshot, kind: str, by: str, constraints: dict[str, list[str]], physical: bool
) -> dict[str, Any]:  # fmt: skip
    if kind == "replication":
        return statistics.replication(snapshot, by, constraints)
    return {"size": statistics.size, "usage": statistics.usage}[kind](snapshot, by, constraints, physical)


def _address(kind: str, by: str, constraints: dict[str, list[str]], physical: bool) -> str:
    """The same query in the API, which has it as CSV, Parquet and the like, too."""
    asked: list[tuple[str, str]] = [
        ("list_by", by),
        *((name, one) for name, many in constraints.items() for one in many),
    ]
    if kind != "replication" and not physical:
        asked.append(("physical", "n"))
    return f"{reverse(f'v1-statistics-{kind}')}?{urlencode(asked)}"


def _sizes(answer: dict[str, Any]) -> list[tuple[str, Bar, str]]:
    """Size of each value, with its share of all."""
    rows = answer["content"]
    largest, total = max((row["size"] for row in rows), default=0.0), sum(row["size"] for row in rows)
    found = []
    for row in rows[:_SHOWN]:
        words = f"{volume(row['size'] * _TB)}, {row['size'] / total:.1%}" if total else volume(0)
        found.append((row["key"], Bar(words, stacked([("present", row["size"])], largest)), words))
    return found


def _replications(answer: dict[str, Any]) -> list[tuple[str, Bar, str]]:
    """Mean number of replicas, with the spread around it as a lighter part."""
    rows = answer["content"]
    largest = max((row["mean"] + (row["rms"] or 0.0) for row in rows), default=0.0)
    found = []
    for row in rows[:_SHOWN]:
        words = f"{row['mean']:.2f} ± {row['rms'] or 0.0:.2f}"
        parts = stacked([("present", row["mean"]), ("coming", row["rms"] or 0.0)], largest)
        found.append((row["key"], Bar(words, parts), words))
    return found


def _usages(answer: dict[str, Any]) -> list[tuple[str, Bar, str]]:
    """Size at each site, stacked by value."""
    ranks = {key: rank for rank, key in enumerate(answer.get("keys", []))}
    sums = {row["site"]: sum(entry["size"] for entry in row["usage"]) for row in answer["content"]}
    largest = max(sums.values(), default=0.0)
    found = []
    for row in answer["content"]:
        words = volume(sums[row["site"]] * _TB)
        parts = stacked([(f"c{plot.colour(ranks[entry['key']])}", entry["size"]) for entry in row["usage"]], largest)
        found.append((row["site"], Bar(words, parts), words))
    return found


_ROWS = {"size": _sizes, "replication": _replications, "usage": _usages}
