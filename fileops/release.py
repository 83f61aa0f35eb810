"""Letting go, by hand, what is held or waits for its next attempt; and giving up what nobody wants done."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from fileops import waiting
from fileops.lifecycle import Event, State, allowed
from fileops.models import Subscription

_CHUNK = 500


class NothingChosen(ValueError):
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
def release(rows: QuerySet[Subscription], author: str) -> int:
    """Have them tried at once, with all sources forgiven; returns how many."""
    ids = list(rows.values_list("id", flat=True))
    now = timezone.now()
    for start in range(0, len(ids), _CHUNK):
        part = Subscription.objects.filter(pk__in=ids[start : start + _CHUNK], state__in=[State.HELD, State.RETRY])
        part.update(tried_since=now, not_before=None)
    return waiting.happen(Event.RELEASED, ids, message=f"released by {author}")


@transaction.atomic
def give_up(row: Subscription, author: str, reason: str) -> bool:
    """Nobody wants this file done any more; False: it is not open. What a backend has in its hands it may still finish."""
    return waiting.happen(Event.CANCELLED, [row.pk], message=f"given up by {author}: {reason}") > 0
