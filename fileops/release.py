"""Letting go, by hand, what is held or waits for its next attempt; and giving up what nobody wants done."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from fileops import waiting
from fileops.lifecycle import Event, State, allowed
from fileops.models import Subscription
from registry import audit, rights
from registry.callers import Caller
from registry.errors import Conflict, Refused

_CHUNK = 500


class NothingChosen(Refused):
    """No condition was given; that never means everything."""


def chosen(
    sites: Sequence[str] = (), reasons: Sequence[str] = (), ids: Sequence[int] = (), *, everything: bool = False
) -> QuerySet[Subscription]:
    """Subscriptions that can be let go, of these sites, reasons and numbers; without any: only if ``everything``."""
    if not (sites or reasons or ids or everything):
        raise NothingChosen("choose by site, by reason or by number, or say that you mean all")
    rows = Subscription.objects.filter(state__in=allowed(Event.RELEASED))
    if sites:
        rows = rows.filter(site__in=list(sites))
    if reasons:
        rows = rows.filter(reason__in=list(reasons))
    return rows.filter(pk__in=list(ids)) if ids else rows


@transaction.atomic
def release(rows: QuerySet[Subscription], by: Caller) -> int:
    """Have them tried at once, with all sources forgiven; returns how many. Raises Denied unless ``by`` operates fileops at each of their sites."""
    found = list(rows.order_by("id").values_list("id", "site"))
    ids, sites = [number for number, _ in found], sorted({site for _, site in found})
    if sites:
        rights.require_at(by, "operator", "fileops", sites)
    now = timezone.now()
    for start in range(0, len(ids), _CHUNK):
        part = Subscription.objects.filter(pk__in=ids[start : start + _CHUNK], state__in=[State.HELD, State.RETRY])
        part.update(tried_since=now, not_before=None)
    count = waiting.happen(Event.RELEASED, ids, message=f"released by {by.name}")
    if count:
        audit.record(by, "fileops.release", f"{count} files", None, {"files": count, "sites": sites, "ids": ids})
    return count


@transaction.atomic
def give_up(row: Subscription, by: Caller, reason: str) -> None:
    """Nobody wants this file done any more. What a backend has in its hands it may still finish. Raises Denied, Conflict."""
    rights.require(by, "operator", "fileops", site=row.site)
    if not waiting.happen(Event.CANCELLED, [row.pk], message=f"given up by {by.name}: {reason}"):
        raise Conflict(f"{row.lfn} at {row.site} is not open any more; look at it again")
    audit.record(by, "fileops.fail", str(row), {"state": row.state}, {"reason": reason})
