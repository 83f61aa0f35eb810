"""Fencing tokens: each turn's is larger than every earlier one's, and the inventory refuses all smaller ones from then on.

The database gives them out, from the very row that every append to the log locks and compares: a token that was given
out is seen by the inventory at once, also before its holder commits anything, and whatever Redis has forgotten.
"""

from __future__ import annotations

from django.db import transaction

from inventory.log_models import LEADERSHIP_ROW, Leadership, make_leadership


def next_token() -> int:
    """A token larger than all that were given out or seen. Call it while holding the turn."""
    make_leadership()
    with transaction.atomic():
        row = Leadership.objects.select_for_update().get(pk=LEADERSHIP_ROW)
        row.token += 1
        row.save(update_fields=["token"])
        return row.token


def newest() -> int:
    """The token of the newest turn; 0 before the first."""
    return Leadership.objects.filter(pk=LEADERSHIP_ROW).values_list("token", flat=True).first() or 0


def log_end() -> int:
    """The version that everything committed so far adds up to."""
    return Leadership.objects.filter(pk=LEADERSHIP_ROW).values_list("head", flat=True).first() or 0
