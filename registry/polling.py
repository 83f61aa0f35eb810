"""Looking at requests: which ones match, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from django.db.models import Count, QuerySet

from registry import archive
from registry.lifecycle import OPEN_REQUEST
from registry.models import Request, RequestAction, RequestItem, RequestKind, RequestSite, RequestStatus, UserDN

_TIME = "%Y-%m-%dT%H:%M:%S UTC"


@dataclass(frozen=True)
class Question:
    """Which requests: those that contain all of ``items`` and ``sites``; None does not filter, an empty list matches nothing.

    With both, only the latest matching request is shown unless ``all_matching``.
    """

    kind: str
    request_id: int | None = None
    items: Sequence[str] | None = None
    sites: Sequence[str] | None = None
    statuses: Sequence[str] | None = None
    users: Sequence[str] | None = None
    all_matching: bool = False


def find(question: Question, most: int, below: int | None = None) -> list[Request]:
    """The newest ``most`` matching requests (with numbers below that one), oldest first, with items, sites and actions fetched.

    Those that ended long ago come from the archive; they are not to be saved.
    """
    if question.items is not None and question.sites is not None and not question.all_matching:
        most = 1
    rows = list(_in_database(question, below).order_by("-id").prefetch_related("items", "sites", "actions")[:most])
    if question.statuses is None or set(question.statuses) - set(OPEN_REQUEST):
        # The database may be full of older ones that are still open.
        above = rows[-1].pk if len(rows) == most else 0
        rows += archive.find(_in_archive(question), most, above=above, below=below)
    rows.sort(key=lambda request: -request.pk)
    return rows[:most][::-1]


def _in_database(question: Question, below: int | None) -> QuerySet[Request]:
    requests = Request.objects.filter(kind=question.kind)
    if below is not None:
        requests = requests.filter(pk__lt=below)
    if question.request_id is not None:
        requests = requests.filter(pk=question.request_id)
    if question.statuses is not None:
        requests = requests.filter(status__in=question.statuses)
    if question.users is not None:
        requests = requests.filter(user__in=question.users)
    for model, name, wanted in ((RequestItem, "item", question.items), (RequestSite, "site", question.sites)):
        if wanted is not None:
            rows = model._default_manager.filter(**{f"{name}__in": wanted})
            requests = requests.filter(pk__in=_with_all(rows, wanted))
    return requests


def _with_all(rows: QuerySet[Any], names: Sequence[str]) -> QuerySet[Any]:
    wanted = len(set(names))
    found: QuerySet[Any] = rows.values("request_id").annotate(found=Count("id")).filter(found=wanted)
    return found.values("request_id")


def _in_archive(question: Question) -> pl.Expr:
    """The same conditions over the columns of archived requests."""
    tests = [pl.col("kind") == question.kind]
    if question.request_id is not None:
        tests.append(pl.col("id") == question.request_id)
    for column, values in (("status", question.statuses), ("user", question.users)):
        if values is not None:
            tests.append(pl.col(column).is_in(list(values)))
    for column, values in (("items", question.items), ("sites", question.sites)):
        if values is not None:
            tests.append(
                pl.all_horizontal(pl.lit(bool(values)), *(pl.col(column).list.contains(each) for each in values))
            )
    return pl.all_horizontal(tests)


def known_items(items: Iterable[str]) -> set[str]:
    """Those of ``items`` that some request, also an archived one, names."""
    wanted = set(items)
    found = set(RequestItem.objects.filter(item__in=wanted).values_list("item", flat=True))
    return found | archive.known_items(sorted(wanted - found)) if wanted - found else found


def shown(requests: Sequence[Request]) -> list[dict[str, object]]:
    """The requests as the classic interface shows them."""
    dns = dns_of({request.user for request in requests})
    return [_shown(request, dns.get(request.user, "")) for request in requests]


def dns_of(users: Iterable[str]) -> dict[str, str]:
    """DN by user name, for users that have one (the first, if several)."""
    rows = UserDN.objects.filter(user__username__in=list(users)).order_by("-id")
    return dict(rows.values_list("user__username", "dn"))


def _shown(request: Request, dn: str) -> dict[str, object]:
    values: dict[str, object] = {
        "request_id": request.pk,
        "item": sorted(item.item for item in request.items.all()),
        "site": sorted(site.site for site in request.sites.all()),
        # Whether a person or an engine looks at it first is nothing that older clients know.
        "status": RequestStatus.NEW if request.status == RequestStatus.WAITING else request.status,
        "user": request.user,
        "dn": dn,
    }
    if request.kind == RequestKind.COPY:
        values |= {
            "group": request.group,
            "n": request.num_copies,
            "first_request": _time(request.first_asked),
            "last_request": _time(request.last_asked),
            "request_count": request.count,
        }
    else:
        values["request_time"] = _time(request.first_asked)
    if request.reason:
        values["reason"] = request.reason
    actions = [_shown_action(action) for action in request.actions.all()]
    if actions or request.status == "activated":
        values["active"] = actions
    return values


def _shown_action(action: RequestAction) -> dict[str, str]:
    values = {"item": action.item, "site": action.site, "status": action.status, "updated": _time(action.updated)}
    return values | ({"reason": action.reason} if action.reason else {})


def _time(value: datetime) -> str:
    return value.strftime(_TIME)
