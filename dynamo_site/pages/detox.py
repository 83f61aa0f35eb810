"""The Detox monitor: cycles, what each did at every site, and the decision on every dataset."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from detox import monitor
from detox.models import Cycle, CycleState
from dynamo_site.pages import detox_bars
from dynamo_site.pages.queueing import is_operator
from dynamo_site.pages.shell import page

_PER_PAGE = 100
_SHOWN_CYCLES = 20
_SHOWN_FOUND = 200


@require_safe
def newest(request: HttpRequest) -> HttpResponse:
    """The newest cycle of the wanted or the default partition, or the last one begun by the day ``at``."""
    test = "test" in request.GET
    known = monitor.partitions(test)
    wanted = request.GET.get("partition") or (known[0]["name"] if known else None)
    row = next((row for row in known if row["name"] == wanted), None)
    if row is None:
        return page(request, "detox", "detox_none", {"partition": request.GET.get("partition"), "test": test})
    return redirect("detox-cycle", number=_cycle_by(request.GET.get("at", ""), row, test))


def _cycle_by(day: str, partition: dict[str, Any], test: bool) -> int:
    """Number of the last cycle begun by the end of the day (ISO); the oldest if all are newer, the newest if it is no day."""
    try:
        end = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return int(partition["cycle"])
    cycles = monitor.ended(test).filter(partition=partition["name"])
    found = cycles.filter(started__lt=end).first() or cycles.order_by("id").first()
    return found.pk if found else int(partition["cycle"])


def cycle_called(number: int) -> Cycle:
    """The cycle of that number, test runs too; else a page that says there is none."""
    try:
        return monitor.find_cycle(number, test=None)
    except monitor.CycleUnknown as error:
        raise Http404(str(error)) from error


@require_safe
def cycle(request: HttpRequest, number: int) -> HttpResponse:
    """One cycle: a bar and a reason for every site, neighbours in time, search over datasets."""
    return shown_cycle(request, cycle_called(number))


def shown_cycle(request: HttpRequest, row: Cycle, http_status: int = 200, refused: str = "") -> HttpResponse:
    """The page of a cycle; ``refused``: why it was not confirmed."""
    summary = monitor.summary(row)
    known = monitor.partitions(row.test)
    absolute = request.GET.get("scale") == "bytes"
    patterns = request.GET.get("q", "").split()
    before = request.GET.get("before", "")
    found = _searched(row, patterns) if patterns else None
    return page(
        request, "detox", "detox_cycle", {"summary": summary, "found": found}, http_status, partitions=known, absolute=absolute,
        waiting=[other for other in monitor.refused() if other.partition == row.partition and not row.test], not_confirmed=refused,
        may_confirm=is_operator(request, "detox"), is_refused=row.state == CycleState.REFUSED,
        late=any(other["late"] and other["cycle"] == row.pk for other in known),
        bars=detox_bars.of_cycle(summary, absolute), patterns=" ".join(patterns), shown_found=_SHOWN_FOUND,
        has_before=bool(summary["previous"]),
        cycles=monitor.cycles(row.partition, row.test, _SHOWN_CYCLES, int(before) if before.isdecimal() and len(before) < 20 else None),
        api="detox-test" if row.test else "detox",
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
    wanted = request.GET.get("page", "1")
    number_of_page = max(1, int(wanted)) if wanted.isdecimal() and len(wanted) < 7 else 1
    try:
        found = monitor.site_datasets(
            row, name, sort=sort, descending=descending, search=search, offset=(number_of_page - 1) * _PER_PAGE,
            limit=_PER_PAGE,
        )  # fmt: skip
    except monitor.CycleUnknown as error:
        raise Http404(str(error)) from error
    summary = monitor.summary(row)
    entry = next(entry for entry in summary["sites"] if entry["site"] == name)
    datasets = [shown | {"text": found["lines"].get(shown["line"], "")} for shown in found["datasets"]]
    return page(
        request, "detox", "detox_site", {"cycle": row.pk, "site": entry, "count": found["count"], "datasets": datasets},
        row=row, search=search, sort=sort, descending=descending, number=number_of_page,
        bar=detox_bars.of_site(entry, summary), last=max(1, -(-found["count"] // _PER_PAGE)),
    )  # fmt: skip


@require_safe
def policy(request: HttpRequest, number: int) -> HttpResponse:
    """The text of the policy of a cycle, as it was, with the numbers of its lines as decisions name them."""
    row = cycle_called(number)
    return page(
        request, "detox", "detox_policy",
        {"cycle": row.pk, "partition": row.partition, "policy": row.policy, "lines": monitor.lines(row)}, row=row,
    )  # fmt: skip
