"""What users do with requests: ask, change while nobody has looked at it, withdraw; and what operators do by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from inventory.snapshot import Snapshot
from registry.desk import desk
from registry.errors import Denied, Refused
from registry.lifecycle import OPEN_ACTION, OPEN_REQUEST, REQUEST, after
from registry.models import Request, RequestAction, RequestItem, RequestKind, RequestSite
from registry.naming import check_group, check_items, expand_sites
from registry.settings import RegistrySettings


@dataclass(frozen=True)
class Asker:
    """Who asks: user, the service that acts for the user, and whether the user may deal with others' requests."""

    user: str
    service: str = ""
    operator: bool = False


@dataclass(frozen=True)
class Wanted:
    """What is asked, as given: sites may be globs; None: not given."""

    items: Sequence[str] = ()
    sites: Sequence[str] = ()
    group: str | None = None
    num_copies: int | None = None


def ask_copy(snapshot: Snapshot, asker: Asker, wanted: Wanted, settings: RegistrySettings) -> Request:
    """A copy request for ``wanted``: an open one that contains it is counted once more, else a new one is made.

    While that is new, its user (or an operator) changes its group and number of copies with it. Raises Refused.
    """
    sites = wanted.sites or settings.default_sites
    group = wanted.group or settings.default_group
    _bounded(wanted.items, sites, settings)
    names = expand_sites(snapshot, sites)
    items = check_items(snapshot, wanted.items)
    if wanted.group:
        check_group(snapshot, wanted.group)
    with desk():
        existing = _containing(RequestKind.COPY, items, names)
        if existing is not None:
            return _again(existing, asker, wanted)
        if not group:
            raise Refused("missing parameter group; there is no default group here")
        copies = 1 if wanted.num_copies is None else wanted.num_copies
        values = {"group": check_group(snapshot, group), "num_copies": copies}
        return _make(RequestKind.COPY, asker, items, names, list(sites), values)


def ask_deletion(snapshot: Snapshot, asker: Asker, wanted: Wanted, settings: RegistrySettings) -> Request:
    """A deletion request for ``wanted``: an open one for just that, else a new one. Raises Refused.

    One for more is not taken for it: its owner may withdraw that without knowing of this one.
    """
    _bounded(wanted.items, wanted.sites, settings)
    names = expand_sites(snapshot, wanted.sites)
    items = check_items(snapshot, wanted.items)
    with desk():
        existing = _containing(RequestKind.DELETION, items, names, nothing_else=True)
        if existing is not None:
            return _again(existing, asker, Wanted())
        return _make(RequestKind.DELETION, asker, items, names, list(wanted.sites), {})


def change(snapshot: Snapshot, kind: str, request_id: int, asker: Asker, wanted: Wanted) -> Request:
    """Ask again by number, changing group and number of copies; only while new. Items and sites stay as they are."""
    if wanted.group:
        check_group(snapshot, wanted.group)
    with desk():
        request = _own(kind, request_id, asker)
        if request.status != "new":
            raise Refused(f"request_id: {request} is {request.status} and cannot be updated any more")
        _must_hold("item", wanted.items, request.items.values_list("item", flat=True))
        if wanted.sites:
            names = expand_sites(snapshot, wanted.sites)
            _must_hold("site", names, request.sites.values_list("site", flat=True))
        return _again(request, asker, wanted)


def cancel(kind: str, request_id: int, asker: Asker) -> Request:
    """Withdraw a request that is still new; once more is no error. Raises Denied, Refused, ImpossibleTransition."""
    with transaction.atomic():
        request = _own(kind, request_id, asker)
        if request.status != "cancelled":
            request.status = after(REQUEST, request.status, "cancel", str(request))
            request.ended = timezone.now()
            request.save(update_fields=["status", "ended"])
        return request


@transaction.atomic
def release(request: Request, operator: str) -> None:
    """Hand an activated or rejected request to the engines again; what is open of it is given up first."""
    request = Request.objects.select_for_update().get(pk=request.pk)
    request.status, request.reason = after(REQUEST, request.status, "release", str(request)), ""
    request.ended = None
    request.save(update_fields=["status", "reason", "ended"])
    _fail_open_actions(request, f"released by {operator}")


@transaction.atomic
def fail(request: Request, operator: str, reason: str) -> None:
    """End an open request by hand: rejected if no engine has looked at it, else its open actions fail."""
    request = Request.objects.select_for_update().get(pk=request.pk)
    event = "reject" if request.status == "new" else "complete"
    request.status = after(REQUEST, request.status, event, str(request))
    request.reason, request.ended = f"{reason} ({operator})", timezone.now()
    request.save(update_fields=["status", "reason", "ended"])
    _fail_open_actions(request, request.reason)


def _fail_open_actions(request: Request, reason: str) -> None:
    open_actions = RequestAction.objects.filter(request_id=request.pk, status__in=OPEN_ACTION)
    open_actions.update(status="failed", reason=reason, updated=timezone.now())


def _bounded(items: Sequence[str], sites: Sequence[str], settings: RegistrySettings) -> None:
    for name, values in (("item", items), ("site", sites)):
        if not values:
            raise Refused(f"missing parameter {name}")
        if len(values) > settings.max_items:
            raise Refused(f"{name}: {len(values)} in one request; at most {settings.max_items}")


def _containing(kind: str, items: Sequence[str], sites: Sequence[str], *, nothing_else: bool = False) -> Request | None:
    """The open request that contains all of these (and ``nothing_else``): the first new one, else the last activated one."""
    by_item = RequestItem.objects.filter(item__in=items, request__kind=kind, request__status__in=OPEN_REQUEST)
    with_items = by_item.values("request_id").annotate(found=Count("id")).filter(found=len(items))
    by_site = RequestSite.objects.filter(site__in=sites, request_id__in=with_items.values("request_id"))
    with_both = by_site.values("request_id").annotate(found=Count("id")).filter(found=len(sites))
    found = Request.objects.filter(pk__in=with_both.values("request_id")).select_for_update()
    if nothing_else:
        foreign_items = RequestItem.objects.filter(request_id__in=with_both.values("request_id")).exclude(
            item__in=items
        )
        foreign_sites = RequestSite.objects.filter(request_id__in=with_both.values("request_id")).exclude(
            site__in=sites
        )
        found = found.exclude(pk__in=foreign_items.values("request_id"))
        found = found.exclude(pk__in=foreign_sites.values("request_id"))
    candidates = list(found.order_by("id"))
    new = [request for request in candidates if request.status == "new"]
    return new[0] if new else candidates[-1] if candidates else None


def _again(request: Request, asker: Asker, wanted: Wanted) -> Request:
    request.count += 1
    request.last_asked = timezone.now()
    if request.status == "new" and (asker.operator or asker.user == request.user):
        request.group = wanted.group or request.group
        request.num_copies = request.num_copies if wanted.num_copies is None else wanted.num_copies
    request.save(update_fields=["count", "last_asked", "group", "num_copies"])
    return request


def _make(
    kind: str, asker: Asker, items: Sequence[str], sites: Sequence[str], patterns: list[str], values: dict[str, object]
) -> Request:
    now = timezone.now()
    request = Request.objects.create(
        kind=kind,
        user=asker.user,
        service=asker.service,
        first_asked=now,
        last_asked=now,
        site_patterns=patterns,
        **values,
    )
    RequestItem.objects.bulk_create([RequestItem(request=request, item=item) for item in items], batch_size=500)
    RequestSite.objects.bulk_create([RequestSite(request=request, site=site) for site in sites], batch_size=500)
    return request


def _own(kind: str, request_id: int, asker: Asker) -> Request:
    request = Request.objects.select_for_update().filter(kind=kind, pk=request_id).first()
    if request is None:
        raise Refused(f"request_id: there is no {kind} request {request_id}")
    if request.user != asker.user and not asker.operator:
        raise Denied(f"{request} belongs to {request.user}; only that user or an operator may change it")
    return request


def _must_hold(name: str, given: Sequence[str], held: object) -> None:
    foreign = set(given) - set(held)  # type: ignore[call-overload]
    if foreign:
        raise Refused(f"{name}: {min(foreign)} is not part of this request; ask for it in a new one")
