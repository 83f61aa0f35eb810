"""Pages that list what is in the database: requests, locks, runs, consistency checks; each with its detail."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from consistency import history
from consistency.models import Check
from dynamo_site.pages import archived, deciding
from dynamo_site.pages.acting import asker
from dynamo_site.pages.queueing import is_operator
from dynamo_site.pages.shell import PER_PAGE, existing, page, shown
from dynamo_site.templatetags import units
from fileops.lifecycle import State
from fileops.models import Subscription
from inventory.spreadsheets import written
from inventory.units import volume
from registry import archive
from registry import locks as registry_locks
from registry.callers import caller_of
from registry.lifecycle import OPEN_REQUEST
from registry.models import DetoxLock, Injection, Request, RequestArchive, RequestKind, RequestStatus
from scheduler.models import OPEN_STATES, Run
from scheduler.models import State as RunState

_SHOWN_ACTIONS = 200
_SHOWN_ROWS = 20
_SHOWN_LOG = 500
OPEN = "open"
"""Stands for all statuses in which a request is not at its end."""


@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    """Copy and deletion requests, newest first; filter by kind and status, and by a part of an item's, site's or user's name.

    ``which=archived``: those that left the database; ``below`` is the number from which the next ones are older.
    """
    chosen = {name: request.GET.get(name, "") for name in ("status", "kind")}
    text = request.GET.get("q", "").strip()
    found = (
        _archived(request, text, chosen) if request.GET.get("which") == "archived" else _present(request, text, chosen)
    )
    return page(
        request, "requests", "requests", {"rows": found.pop("rows")}, text=text, **chosen, **found,
        statuses=[OPEN, *RequestStatus.values], kinds=RequestKind.values,
        waiting=Request.objects.filter(status=RequestStatus.WAITING).count(),
        archive=RequestArchive.objects.aggregate(requests=Sum("requests"))["requests"],
        injections=Injection.objects.defer("content")[:_SHOWN_ROWS],
    )  # fmt: skip


def _archived(request: HttpRequest, text: str, chosen: dict[str, str]) -> dict[str, Any]:
    number = request.GET.get("below", "")
    below = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None
    rows, damaged = archived.listed(text, chosen["status"], chosen["kind"], below, PER_PAGE + 1)
    rest = rows[PER_PAGE - 1].pk if len(rows) > PER_PAGE else None
    return {"rows": rows[:PER_PAGE], "older": rest, "damaged": damaged, "archived": True}


def _present(request: HttpRequest, text: str, chosen: dict[str, str]) -> dict[str, Any]:
    rows = Request.objects.prefetch_related("items", "sites")
    if chosen["status"] == OPEN:
        rows = rows.filter(status__in=OPEN_REQUEST)
    elif chosen["status"]:
        rows = rows.filter(status=chosen["status"])
    if chosen["kind"]:
        rows = rows.filter(kind=chosen["kind"])
    if text:
        found = Q(items__item__contains=text) | Q(sites__site__contains=text) | Q(user=text)
        rows = rows.filter(found).distinct()
    return {"rows": shown(request, rows)}


@require_safe
def request_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One request: what was asked, what came of it at each site, and the file operations it caused."""
    row = archive.one(number) or existing(Request.objects.prefetch_related("items", "sites"), number)
    datasets = {item.item.partition("#")[0] for item in row.items.all()}
    operations = Subscription.objects.filter(
        Q(cause=f"request {row.pk}")
        | Q(dataset__in=datasets, site__in=row.actions.values("site"), created__gte=row.first_asked)
    )
    data = {
        "row": row, "items": [item.item for item in row.items.all()], "sites": [site.site for site in row.sites.all()],
        "actions": [*row.actions.order_by("item", "site")[:_SHOWN_ACTIONS]] or [*row.actions.all()][:_SHOWN_ACTIONS],
        "operations": by_state(operations), "held": operations.filter(state=State.HELD)[:_SHOWN_ROWS],
    }  # fmt: skip
    by = asker(request) if caller_of(request).known else None
    return page(
        request, "requests", "request", data, num_actions=row.actions.count(), possible=deciding.possible(row, by)
    )


def by_state(rows: QuerySet[Subscription]) -> QuerySet[Any]:
    """Files and bytes by site, operation and state."""
    grouped = rows.values("site", "operation", "state").annotate(files=Count("id"), size=Sum("size"))
    return grouped.order_by("site", "operation", "state")


@require_safe
def locks(request: HttpRequest) -> HttpResponse:
    """Detox locks in force, those that end first on top; ``which=all``: released and expired ones too, newest first."""
    text, everything = request.GET.get("q", "").strip(), request.GET.get("which") == "all"
    now, caller = timezone.now(), caller_of(request)
    rows = DetoxLock.objects.all() if everything else registry_locks.in_force(now).order_by("expires", "id")
    if text:
        rows = rows.filter(
            Q(item__contains=text) | Q(sites__contains=text) | Q(user__contains=text) | Q(comment__contains=text)
        )
    return page(
        request, "locks", "locks", {"rows": shown(request, rows)}, text=text, everything=everything, now=now,
        mine=caller.name if caller.known else "", operator=is_operator(request, "registry"),
    )  # fmt: skip


@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """Runs over the inventory, newest first; filter by application and state."""
    rows = Run.objects.all()
    chosen = {name: request.GET.get(name, "") for name in ("application", "state")}
    rows = rows.filter(**{name: value for name, value in chosen.items() if value})
    names = Run.objects.order_by("application").values_list("application", flat=True).distinct()
    return page(
        request, "runs", "runs", {"rows": shown(request, rows)}, applications=names, states=RunState.choices, **chosen
    )


@require_safe
def run_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One run with the end of its log."""
    row = existing(Run.objects.all(), number)
    log = list(row.log_lines.order_by("-id")[:_SHOWN_LOG])[::-1]
    may_end = row.state in OPEN_STATES and is_operator(request, "application")
    return page(request, "runs", "run", {"row": row, "log": log}, num_lines=row.log_lines.count(), may_end=may_end)


@require_safe
def checks(request: HttpRequest) -> HttpResponse:
    """Consistency checks, newest first; filter by site."""
    rows = Check.objects.all()
    site = request.GET.get("site", "")
    if site:
        rows = rows.filter(site=site)
    names = Check.objects.order_by("site").values_list("site", flat=True).distinct()
    return page(request, "checks", "checks", {"rows": shown(request, rows)}, site=site, sites=names)


@require_safe
def check_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One check with the beginning of each of its lists."""
    row = existing(Check.objects.all(), number)
    frames = {name: history.read(row.pk, name) for name in history.LISTS}
    lists = [
        {"name": name, "count": frame.height, "columns": frame.columns, "rows": _cells(frame.head(_SHOWN_ROWS))}
        for name, frame in frames.items()
        if frame is not None and frame.height
    ]
    return page(request, "checks", "check", {"row": row, "lists": lists})


def _cells(frame: pl.DataFrame) -> list[list[tuple[str, str]]]:
    """Column and text of each cell of each row, as people read them."""
    return [[(name, _cell(name, value)) for name, value in row.items()] for row in frame.iter_rows(named=True)]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return units.moment(value) if name == "mtime" else volume(value) if name == "size" else str(value)


@require_safe
def check_list(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """One list of a check, whole, as tab-separated text in which a spreadsheet finds no formula."""
    row = existing(Check.objects.all(), number)
    frame = history.read(row.pk, name) if name in history.LISTS else None
    if frame is None:
        raise Http404(f"check {number} has no list {name[:40]}")
    answer = HttpResponse(written(frame, "\t"), content_type="text/tab-separated-values; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="check_{number}_{name}.tsv"'
    return answer
