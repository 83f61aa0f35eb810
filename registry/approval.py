"""Which requests wait until a person approves: the rules that operators keep, and the words of those who decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from registry import audit, callers, notices, rights
from registry.asking import Asker
from registry.errors import Denied, NotThere, Refused
from registry.models import ApprovalRule, Request, RequestKind, RequestStatus
from registry.requests import move

_TB = 1e12
_SHOWN = 20  # items or sites named in a message
ASK, ACCEPT = ApprovalRule.Decision.ASK, ApprovalRule.Decision.ACCEPT


@dataclass(frozen=True)
class Asking:
    """What rules look at. ``size``: bytes of the items times the copies; ``roles``: those of the rules' that the asker has."""

    kind: str
    group: str
    sites: Sequence[str]
    size: int
    roles: frozenset[str]


def deciding(rules: Iterable[ApprovalRule], asking: Asking) -> ApprovalRule | None:
    """The first of ``rules`` (in order) that fits; None: accepted at once. Pure."""
    return next((rule for rule in rules if _fits(rule, asking)), None)


def _fits(rule: ApprovalRule, asking: Asking) -> bool:
    if rule.kind and rule.kind != asking.kind:
        return False
    if rule.role and rule.role not in asking.roles:
        return False
    if rule.larger_than is not None and asking.size <= rule.larger_than * _TB:
        return False
    if rule.groups and not _matches(asking.group, rule.groups):
        return False
    if not rule.sites:
        return True
    found = [_matches(site, rule.sites) for site in asking.sites]
    return all(found) if rule.decision == ACCEPT else any(found)


def _matches(name: str, globs: str) -> bool:
    return any(fnmatchcase(name, glob.strip()) for glob in globs.split(",") if glob.strip())


def rule_for(
    asker: Asker, kind: str, group: str, sites: Sequence[str], copies: int, item_bytes: Callable[[], int]
) -> ApprovalRule | None:
    """The rule by which the request has to wait, if any. ``copies`` 0: one at every site; ``item_bytes`` is asked only if a
    rule wants to know."""
    rules = [rule for rule in ApprovalRule.objects.filter(enabled=True) if rule.kind in ("", kind)]
    if not any(rule.decision == ASK for rule in rules):
        return None
    number = len(sites) if kind == RequestKind.DELETION or not copies else min(copies, len(sites))
    size = item_bytes() * number if any(rule.larger_than is not None for rule in rules) else 0
    rule = deciding(rules, Asking(kind, group, sites, size, _roles(asker.user, rules)))
    return rule if rule is not None and rule.decision == ASK else None


def _roles(name: str, rules: Sequence[ApprovalRule]) -> frozenset[str]:
    named = {rule.role for rule in rules if rule.role}
    user = User.objects.filter(username=name).first() if named else None
    if user is None:
        return frozenset()
    return frozenset(role for role in named if rights.has(user, *reversed(role.split(":"))))


def waiting() -> QuerySet[Request]:
    """Requests that wait for approval, oldest first, with ``items`` and ``sites`` fetched."""
    found = Request.objects.filter(status=RequestStatus.WAITING).order_by("id")
    return found.prefetch_related("items", "sites")


def hold(request: Request, rule: ApprovalRule) -> None:
    """``request``, just made or changed, waits because of ``rule``; who is to decide is told. In the caller's transaction."""
    request.status, request.approval_rule = RequestStatus.WAITING, rule.name
    request.reason = f"waits for approval: {rule.name}"
    request.decided_by, request.decided = "", None
    request.save(update_fields=["status", "approval_rule", "reason", "decided_by", "decided"])
    told = _told(request)
    webhooks = [rule.webhook] if rule.webhook else []
    subject = f"{str(request).capitalize()} of {request.user} waits for approval"
    notices.write(
        subject, _text(request, told), {"event": "request.waiting", "request": told}, rule.addresses, webhooks
    )


@transaction.atomic
@audit.one_record()
def approve(kind: str, request_id: int, asker: Asker, comment: str = "") -> Request:
    """An operator lets a waiting request go on: it becomes new. Raises NotThere, Denied, ImpossibleTransition."""
    request = _decided(kind, request_id, asker, "approve", "")
    _tell(request, f"approved by {asker.user}", comment)
    return request


@transaction.atomic
@audit.one_record()
def reject(kind: str, request_id: int, asker: Asker, reason: str) -> Request:
    """An operator refuses a waiting or new request; its user sees ``reason``. Raises Refused, NotThere, Denied, ImpossibleTransition."""
    if not reason.strip():
        raise Refused("reason: is empty; the user has to know why")
    request = _decided(kind, request_id, asker, "reject", f"{reason.strip()} ({asker.user})")
    _tell(request, f"rejected by {asker.user}", reason)
    return request


def _decided(kind: str, request_id: int, asker: Asker, event: str, reason: str) -> Request:
    request = Request.objects.select_for_update().filter(kind=kind, pk=request_id).first()
    if request is None:
        raise NotThere(f"there is no {kind} request {request_id}")
    if not asker.operator and not decides(asker, request):
        raise Denied(f"{asker.user} has not the role operator on registry for all sites and the group of {request}")
    before = move(request, event, reason, decided_by=asker.user, decided=timezone.now())
    audit.record(
        asker, f"request.{event}", str(request), {"status": before}, {"status": request.status, "reason": reason}
    )
    return request


def decides(asker: Asker, request: Request) -> bool:
    """Whether ``asker`` is operator at least for the sites and the group of ``request``, by a right that is limited."""
    caller = callers.current()
    who = (
        caller if caller is not None and caller.name == asker.user else User.objects.filter(username=asker.user).first()
    )
    if who is None:
        return False
    sites = list(request.sites.values_list("site", flat=True))
    return bool(sites) and rights.reaches(who, "operator", "registry", sites=sites, group=request.group or None)


def _tell(request: Request, what: str, comment: str) -> None:
    text = f"Your {request} is {what}." + (f"\n\n{comment}" if comment else "")
    data = {"event": f"request.{request.status}", "request": _told(request)}
    notices.write_to_user(request.user, f"{str(request).capitalize()} is {what}", text, data)


def _told(request: Request) -> dict[str, object]:
    """The request for a program; of long lists the beginning."""
    items, sites = (
        list(found.values_list(name, flat=True)[:_SHOWN])
        for found, name in ((request.items, "item"), (request.sites, "site"))
    )
    return {
        "id": request.pk, "kind": request.kind, "status": request.status, "user": request.user, "service": request.service,
        "group": request.group, "copies": request.num_copies, "rule": request.approval_rule, "reason": request.reason,
        "items": items, "num_items": request.items.count(), "sites": sites, "num_sites": request.sites.count(),
    }  # fmt: skip


def _text(request: Request, told: dict[str, object]) -> str:
    lines = [f"{name.replace('_', ' ')}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
             for name, value in told.items() if value not in ("", None)]  # fmt: skip
    return "\n".join([
        f"{request.user} asked for the following, and the rule “{request.approval_rule}” has it wait for you.", "", *lines,
        "", "Operators approve or reject it on its page, with the command, or at /api/v1/.",
    ])  # fmt: skip
