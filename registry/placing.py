"""What users do with requests: ask, change while nobody has looked at it, withdraw; and what operators do by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from inventory.snapshot import Snapshot
from registry import approval, audit
from registry.asking import Asker as Asker
from registry.asking import Wanted as Wanted
from registry.desk import desk
from registry.errors import Denied, Refused
from registry.lifecycle import FIRST_REQUEST, IN_HAND, OPEN_ACTION, OPEN_REQUEST, REQUEST, after
from registry.models import ApprovalRule, Request, RequestAction, RequestItem, RequestKind, RequestSite, RequestStatus
from registry.naming import check_group, check_items, expand_sites
from registry.requests import move
from registry.settings import RegistrySettings
from registry.sizes import bytes_of

_AT_ONCE = 500


@dataclass(frozen=True)
class Ready:
    """What is asked, held against the inventory: names that exist, each once. ``patterns``: the sites as they were given."""

    items: Sequence[str]
    sites: Sequence[str]
    patterns: Sequence[str]
    group: str = ""
    num_copies: int = 1


def ready_copy(snapshot: Snapshot, wanted: Wanted, settings: RegistrySettings) -> Ready:
    """``wanted`` copies with the installation's defaults; ``group`` empty: there is none. Raises Refused."""
    sites = wanted.sites or settings.default_sites
    group = wanted.group or settings.default_group
    check_numbers(wanted.items, sites, settings)
    names, items = expand_sites(snapshot, sites), check_items(snapshot, wanted.items)
    if group:
        check_group(snapshot, group)
    return Ready(items, names, list(sites), group, 1 if wanted.num_copies is None else wanted.num_copies)


def ready_deletion(snapshot: Snapshot, wanted: Wanted, settings: RegistrySettings) -> Ready:
    """The same of ``wanted`` deletions. Raises Refused."""
    check_numbers(wanted.items, wanted.sites, settings)
    return Ready(check_items(snapshot, wanted.items), expand_sites(snapshot, wanted.sites), list(wanted.sites))


def ask_copy(snapshot: Snapshot, asker: Asker, wanted: Wanted, settings: RegistrySettings) -> Request:
    """A copy request for ``wanted``: an open one that contains it is counted once more, else a new one is made.

    While no engine has looked at it, its user (or an operator) changes its group and number of copies with it. Raises Refused.
    """
    return ask_ready_copy(snapshot, asker, wanted, ready_copy(snapshot, wanted, settings))


def ask_ready_copy(snapshot: Snapshot, asker: Asker, wanted: Wanted, ready: Ready) -> Request:
    """The same for what is held against the inventory already."""
    with desk():
        found = existing(snapshot, RequestKind.COPY, asker, ready)
        if found is not None:
            return _again(snapshot, found, asker, wanted)
        check_new(RequestKind.COPY, ready)
        return _make(snapshot, RequestKind.COPY, asker, ready)


def check_new(kind: str, ready: Ready) -> None:
    """What a new request needs, and one that is counted once more has already. Raises Refused."""
    if kind == RequestKind.COPY and not ready.group:
        raise Refused("missing parameter group; there is no default group here")


def ask_deletion(snapshot: Snapshot, asker: Asker, wanted: Wanted, settings: RegistrySettings) -> Request:
    """A deletion request for ``wanted``: an open one for just that, else a new one. Raises Refused.

    One for more is not taken for it: its owner may withdraw that without knowing of this one.
    """
    ready = ready_deletion(snapshot, wanted, settings)
    with desk():
        found = existing(snapshot, RequestKind.DELETION, asker, ready)
        if found is not None:
            return _again(snapshot, found, asker, Wanted())
        return _make(snapshot, RequestKind.DELETION, asker, ready)


def existing(snapshot: Snapshot, kind: str, asker: Asker, ready: Ready) -> Request | None:
    """The open request that asking for ``ready`` would count once more.

    What is accepted of ``asker`` at once is not held up by what others asked that waits for approval.
    """
    found = _open(kind, ready, OPEN_REQUEST)
    if found is None or found.status != RequestStatus.WAITING:
        return found
    own = found.user == asker.user and found.open_key == open_key(kind, ready.items, ready.sites)
    without_group = kind == RequestKind.COPY and not ready.group
    if own or without_group or _rule(snapshot, kind, asker, ready) is not None:
        return found
    return _open(kind, ready, IN_HAND)


def _open(kind: str, ready: Ready, statuses: Sequence[str]) -> Request | None:
    if kind == RequestKind.DELETION:
        key = open_key(kind, ready.items, ready.sites)
        return Request.objects.filter(open_key=key, status__in=statuses).first()
    return _containing(kind, ready.items, ready.sites, statuses)


def open_key(kind: str, items: Sequence[str], sites: Sequence[str]) -> str:
    """What stands for just these items and sites; no two open requests have the same, and one that waits leaves it to one
    that is accepted."""
    text = json.dumps([kind, sorted(items), sorted(sites)])
    return hashlib.sha256(text.encode()).hexdigest()


def change(snapshot: Snapshot, kind: str, request_id: int, asker: Asker, wanted: Wanted) -> Request:
    """Ask again by number, changing group and number of copies; only while no engine has looked at it. Items and sites stay as they are."""
    if wanted.group:
        check_group(snapshot, wanted.group)
    with desk():
        request = _own(kind, request_id, asker)
        if request.status not in FIRST_REQUEST:
            raise Refused(f"request_id: {request} is {request.status} and cannot be updated any more")
        _must_hold("item", wanted.items, request.items.values_list("item", flat=True))
        if wanted.sites:
            names = expand_sites(snapshot, wanted.sites)
            _must_hold("site", names, request.sites.values_list("site", flat=True))
        return _again(snapshot, request, asker, wanted)


def cancel(kind: str, request_id: int, asker: Asker) -> Request:
    """Withdraw a request that no engine has looked at; once more is no error. Raises Denied, Refused, ImpossibleTransition."""
    with transaction.atomic():
        request = _own(kind, request_id, asker)
        if request.status != "cancelled":
            before = move(request, "cancel")
            audit.record(asker, "request.cancel", str(request), {"status": before}, {"status": request.status})
        return request


def release(request: Request, by: Asker) -> None:
    """Hand an activated or rejected request to the engines again; what is open of it is given up first.

    Raises Denied, Refused when the same was asked anew meanwhile, ImpossibleTransition.
    """
    _by_operator(by, "releasing a request")
    with desk(), audit.one_record():
        request = Request.objects.select_for_update().get(pk=request.pk)
        after(REQUEST, request.status, "release", str(request))
        items, sites = (
            list(found.values_list(name, flat=True))
            for found, name in ((request.items, "item"), (request.sites, "site"))
        )
        key = open_key(request.kind, items, sites)
        other = Request.objects.filter(open_key=key).exclude(pk=request.pk).first()
        if other is not None:
            raise Refused(f"{other} asks for the same and is {other.status}; there is nothing to release")
        before = move(request, "release", ended=None, open_key=key)
        audit.record(by, "request.release", str(request), {"status": before}, {"status": request.status})
        _fail_open_actions(request, f"released by {by.user}")


@transaction.atomic
def fail(request: Request, by: Asker, reason: str) -> None:
    """End an open request by hand: rejected if no engine has looked at it, else its open actions fail. Raises Denied, Refused."""
    _by_operator(by, "ending a request by hand")
    if not reason.strip():
        raise Refused("reason: is empty; the user has to know why")
    request = Request.objects.select_for_update().get(pk=request.pk)
    event = "reject" if request.status in FIRST_REQUEST else "complete"
    with audit.one_record():
        before = move(request, event, f"{reason} ({by.user})")
    audit.record(by, "request.fail", str(request), {"status": before}, {"status": request.status, "reason": reason})
    _fail_open_actions(request, request.reason)


def _by_operator(by: Asker, what: str) -> None:
    if not by.operator:
        raise Denied(f"{what} needs the role operator on registry; an administrator can grant it")


def _fail_open_actions(request: Request, reason: str) -> None:
    open_actions = RequestAction.objects.filter(request_id=request.pk, status__in=OPEN_ACTION)
    open_actions.update(status="failed", reason=reason, updated=timezone.now())


def check_numbers(items: Sequence[str], sites: Sequence[str], settings: RegistrySettings) -> None:
    """Refuse a request that names no item or no site, or more than the installation allows. Raises Refused."""
    for name, values in (("item", items), ("site", sites)):
        if not values:
            raise Refused(f"missing parameter {name}")
        if len(values) > settings.max_items:
            raise Refused(f"{name}: {len(values)} in one request; at most {settings.max_items}")


def _containing(kind: str, items: Sequence[str], sites: Sequence[str], statuses: Sequence[str]) -> Request | None:
    """The request that contains all of these: the first new one, else the first that waits, else the last activated one."""
    by_item = RequestItem.objects.filter(item__in=items, request__kind=kind, request__status__in=statuses)
    with_items = by_item.values("request_id").annotate(found=Count("id")).filter(found=len(items))
    by_site = RequestSite.objects.filter(site__in=sites, request_id__in=with_items.values("request_id"))
    with_both = by_site.values("request_id").annotate(found=Count("id")).filter(found=len(sites))
    candidates = list(Request.objects.filter(pk__in=with_both.values("request_id")).order_by("id"))
    first = [request for status in ("new", "waiting") for request in candidates if request.status == status]
    return first[0] if first else candidates[-1] if candidates else None


def _again(snapshot: Snapshot, found: Request, asker: Asker, wanted: Wanted) -> Request:
    request = Request.objects.select_for_update().get(pk=found.pk)
    before = (request.group, request.num_copies)
    request.count += 1
    request.last_asked = timezone.now()
    if request.status in FIRST_REQUEST and (asker.operator or asker.user == request.user):
        request.group = wanted.group or request.group
        request.num_copies = request.num_copies if wanted.num_copies is None else wanted.num_copies
    request.save(update_fields=["count", "last_asked", "group", "num_copies"])
    changed = (request.group, request.num_copies)
    if changed != before:
        audit.record(asker, "request.change", str(request), _named(*before), _named(*changed))
    if changed != before or (request.status == RequestStatus.WAITING and asker.user == request.user):
        _judge_changed(snapshot, request)
    return request


def _named(group: str, num_copies: int) -> dict[str, object]:
    return {"group": group, "copies": num_copies}


def _judge_changed(snapshot: Snapshot, request: Request) -> None:
    """What was accepted is not accepted for whatever it is changed to, nor does what waits wait for nothing."""
    ready = Ready(
        list(request.items.values_list("item", flat=True)), list(request.sites.values_list("site", flat=True)),
        request.site_patterns, request.group, request.num_copies,
    )  # fmt: skip
    rule = _rule(snapshot, request.kind, Asker(request.user), ready)
    if rule is not None and (request.status, request.approval_rule) != ("waiting", rule.name):
        if request.status == "new":
            after(REQUEST, request.status, "hold", str(request))
        approval.hold(request, rule)
    elif rule is None and request.status == "waiting":
        move(request, "approve", approval_rule="")


def _make(snapshot: Snapshot, kind: str, asker: Asker, ready: Ready) -> Request:
    now, key = timezone.now(), open_key(kind, ready.items, ready.sites)
    Request.objects.filter(open_key=key, status=RequestStatus.WAITING).update(open_key=None)
    request = Request.objects.create(
        kind=kind, user=asker.user, service=asker.service, first_asked=now, last_asked=now, site_patterns=ready.patterns,
        open_key=key, group=ready.group, num_copies=ready.num_copies,
    )  # fmt: skip
    write_parts(request, ready.items, ready.sites)
    values = {"items": ready.items, "sites": ready.sites, **_named(ready.group, ready.num_copies)}
    audit.record(asker, "request.ask", str(request), None, values)
    rule = _rule(snapshot, kind, asker, ready)
    if rule is not None:
        approval.hold(request, rule)
    return request


def write_parts(request: Request, items: Sequence[str], sites: Sequence[str]) -> None:
    """The items and sites of a request that was just made."""
    RequestItem.objects.bulk_create([RequestItem(request=request, item=item) for item in items], batch_size=_AT_ONCE)
    RequestSite.objects.bulk_create([RequestSite(request=request, site=site) for site in sites], batch_size=_AT_ONCE)


def _rule(snapshot: Snapshot, kind: str, asker: Asker, ready: Ready) -> ApprovalRule | None:
    return approval.rule_for(
        asker, kind, ready.group, ready.sites, ready.num_copies, lambda: bytes_of(snapshot, ready.items)
    )


def _own(kind: str, request_id: int, asker: Asker) -> Request:
    request = Request.objects.select_for_update().filter(kind=kind, pk=request_id).first()
    if request is None:
        raise Refused(f"request_id: there is no {kind} request {request_id}")
    if request.user != asker.user and not asker.operator and not approval.decides(asker, request):
        raise Denied(f"{request} belongs to {request.user}; only that user or an operator may change it")
    return request


def _must_hold(name: str, given: Sequence[str], held: object) -> None:
    foreign = set(given) - set(held)  # type: ignore[call-overload]
    if foreign:
        raise Refused(f"{name}: {min(foreign)} is not part of this request; ask for it in a new one")
