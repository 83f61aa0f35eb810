"""Fencing tokens: each turn's is larger than every earlier one's. The database gives them out, so that they
survive Redis, and the inventory server refuses a change set whose token is older than one it has seen."""

from __future__ import annotations

from django.db import transaction

from scheduler.models import Fence

_ROW = 1


def next_token() -> int:
    """A token larger than all that were given out. Call it while holding the turn."""
    with transaction.atomic():
        fence, _ = Fence.objects.select_for_update().get_or_create(pk=_ROW)
        fence.token += 1
        fence.save()
        return fence.token


def raise_to(token: int) -> None:
    """Make sure that the next token is larger than ``token`` (one that the inventory has seen)."""
    with transaction.atomic():
        fence, _ = Fence.objects.select_for_update().get_or_create(pk=_ROW)
        if fence.token < token:
            fence.token = token
            fence.save()


def newest() -> int:
    """The token of the newest turn; 0 before the first."""
    return Fence.objects.filter(pk=_ROW).values_list("token", flat=True).first() or 0
