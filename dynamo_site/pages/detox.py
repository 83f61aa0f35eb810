"""The Detox monitor: cycles, what each did at every site, and the decision on every dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from detox import monitor
from detox.models import Cycle
from dynamo_site.pages.shell import page

_FULL_SCALE = 1.25
_PER_PAGE = 100
_SHOWN_CYCLES = 30


@dataclass(frozen=True)
class Part:
    """A part of a bar: where it begins and how wide it is, as fractions of the bar."""

    kind: str
    start: float
    width: float


def bar(site: dict[str, Any], largest: int) -> list[Part]:
    """Protected, kept and deleted, relative to the quota (full scale 1.25), or to ``largest`` bytes where there is none."""
    scale = site["quota"] * _FULL_SCALE if site["quota"] > 0 else largest * _FULL_SCALE
    parts, start = [], 0.0
    for kind in ("protect", "keep", "delete"):
        size = site[{"protect": "protected", "keep": "kept", "delete": "deleted"}[kind]]
        width = min(size / scale, 1.0 - start) if scale else 0.0
        parts.append(Part(kind, start, width))
        start += width
    return parts


@require_safe
def newest(request: HttpRequest) -> HttpResponse:
    """The newest cycle of the wanted or the default partition; a page that says so when there is none yet."""
    test = "test" in request.GET
    known = monitor.partitions(test)
    wanted = request.GET.get("partition") or (known[0]["name"] if known else None)
    row = next((row for row in known if row["name"] == wanted), None)
    if row is None:
        return page(request, "detox", "detox_none", partition=request.GET.get("partition"), test=test)
    return redirect("detox-cycle", number=row["cycle"])


def cycle_called(number: int) -> Cycle:
    """The cycle of that number, test runs too; else a page that says there is none."""
    try:
        return monitor.find_cycle(number, test=None)
    except monitor.CycleUnknown as error:
        raise Http404(str(error)) from error


@require_safe
def cycle(request: HttpRequest, number: int) -> HttpResponse:
    """One cycle: a bar and a reason for every site, neighbours in time, search over datasets."""
    row = cycle_called(number)
    summary = monitor.summary(row)
    largest = max((site["protected"] + site["kept"] + site["deleted"] for site in summary["sites"]), default=0)
    marks = {name: summary[name] / _FULL_SCALE for name in ("trigger", "stop") if summary[name] is not None}
    patterns = [text for text in request.GET.get("q", "").split() if text]
    return page(
        request, "detox", "detox_cycle", summary=summary, partitions=monitor.partitions(row.test),
        bars=[(site, bar(site, largest)) for site in summary["sites"]], marks=marks, quota_at=1 / _FULL_SCALE,
        cycles=monitor.cycles(row.partition, row.test, _SHOWN_CYCLES), patterns=" ".join(patterns),
        found=_searched(row, patterns) if patterns else None,
    )  # fmt: skip


def _searched(row: Cycle, patterns: list[str]) -> dict[str, Any]:
    try:
        return monitor.search(row, patterns)
    except monitor.CycleUnknown as error:
        return {"error": str(error)}


@require_safe
def site(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """The datasets of one site in a cycle: decision, the line that decided, sorted and searched as wanted."""
    row = cycle_called(number)
    sort, search = request.GET.get("sort", "size"), request.GET.get("q", "").strip()
    descending = request.GET.get("order", "down") == "down"
    number_of_page = max(1, int(request.GET.get("page", "1"))) if request.GET.get("page", "1").isdecimal() else 1
    try:
        shown = monitor.site_datasets(
            row, name, sort=sort, descending=descending, search=search, offset=(number_of_page - 1) * _PER_PAGE,
            limit=_PER_PAGE,
        )  # fmt: skip
    except monitor.CycleUnknown as error:
        raise Http404(str(error)) from error
    summary = next(entry for entry in monitor.summary(row)["sites"] if entry["site"] == name)
    datasets = [entry | {"text": shown["lines"].get(entry["line"], "")} for entry in shown["datasets"]]
    return page(
        request, "detox", "detox_site", cycle=row, site=summary, count=shown["count"], datasets=datasets, search=search,
        sort=sort, descending=descending, number=number_of_page,
        last=max(1, -(-shown["count"] // _PER_PAGE)),
    )  # fmt: skip


@require_safe
def policy(request: HttpRequest, number: int) -> HttpResponse:
    """The text of the policy of a cycle, as it was."""
    return HttpResponse(cycle_called(number).policy, content_type="text/plain; charset=utf-8")
