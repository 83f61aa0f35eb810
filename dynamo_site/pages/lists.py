"""Pages that list what is in the database: requests, file operations, consistency checks; each with its detail."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from consistency import history
from consistency.models import Check
from dynamo_site.pages.shell import page
from fileops.lifecycle import State
from fileops.models import Attempt, Subscription
from registry.models import Request, RequestStatus

_PER_PAGE = 50
_SHOWN_ACTIONS = 200
_SHOWN_ROWS = 20


def _shown(request: HttpRequest, rows: QuerySet) -> object:
    return Paginator(rows, _PER_PAGE).get_page(request.GET.get("page"))


@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    """Copy and deletion requests, newest first; filter by status, and by a part of an item's, site's or user's name."""
    rows = Request.objects.prefetch_related("items", "sites")
    status, text = request.GET.get("status", ""), request.GET.get("q", "").strip()
    if status:
        rows = rows.filter(status=status)
    if text:
        found = Q(items__item__contains=text) | Q(sites__site__contains=text) | Q(user=text)
        rows = rows.filter(found).distinct()
    return page(
        request, "requests", "requests", rows=_shown(request, rows), status=status, text=text,
        statuses=RequestStatus.values,
    )  # fmt: skip


@require_safe
def request_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One request: what was asked, what came of it at each site, and the file operations it caused."""
    row = get_object_or_404(Request.objects.prefetch_related("items", "sites"), pk=number)
    datasets = {item.item.partition("#")[0] for item in row.items.all()}
    operations = Subscription.objects.filter(cause=f"request {row.pk}") | Subscription.objects.filter(
        dataset__in=datasets, site__in=row.actions.values("site"), created__gte=row.first_asked
    )
    return page(
        request, "requests", "request", row=row, actions=row.actions.order_by("item", "site")[:_SHOWN_ACTIONS],
        operations=_by_state(operations), held=operations.filter(state=State.HELD)[:_SHOWN_ROWS],
    )  # fmt: skip


def _by_state(rows: QuerySet[Subscription]) -> QuerySet:
    grouped = rows.values("site", "operation", "state").annotate(files=Count("id"), size=Sum("size"))
    return grouped.order_by("site", "operation", "state")


@require_safe
def files(request: HttpRequest) -> HttpResponse:
    """What is open by site, what is held and why, and the newest attempts."""
    return page(
        request, "files", "files", queue=_by_state(Subscription.objects.filter(open_key__isnull=False)),
        held=_shown(request, Subscription.objects.filter(state=State.HELD).order_by("-updated")),
        attempts=Attempt.objects.all()[:_SHOWN_ROWS],
    )  # fmt: skip


@require_safe
def checks(request: HttpRequest) -> HttpResponse:
    """Consistency checks, newest first; filter by site."""
    rows = Check.objects.all()
    site = request.GET.get("site", "")
    if site:
        rows = rows.filter(site=site)
    names = Check.objects.order_by("site").values_list("site", flat=True).distinct()
    return page(request, "checks", "checks", rows=_shown(request, rows), site=site, sites=names)


@require_safe
def check_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One check with the beginning of each of its lists."""
    row = get_object_or_404(Check, pk=number)
    frames = {name: history.read(row.pk, name) for name in history.LISTS}
    lists = [
        (name, frame.height, frame.columns, frame.head(_SHOWN_ROWS).rows())
        for name, frame in frames.items()
        if frame is not None and frame.height
    ]
    return page(request, "checks", "check", row=row, lists=lists)


@require_safe
def check_list(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """One list of a check, whole, as tab-separated text."""
    row = get_object_or_404(Check, pk=number)
    frame = history.read(row.pk, name) if name in history.LISTS else None
    if frame is None:
        raise Http404(f"check {number} has no list {name}")
    answer = HttpResponse(frame.write_csv(separator="\t"), content_type="text/tab-separated-values; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="check_{number}_{name}.tsv"'
    return answer
