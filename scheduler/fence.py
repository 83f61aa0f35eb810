"""Fencing tokens: each turn's is larger than every earlier one's, and the inventory refuses all smaller ones from then on.

The database gives them out, from the very row that every append to the log locks and compares: a token that was given
out is seen by the inventory at once, also before its holder commits anything, and whatever Redis has forgotten.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from inventory.log_models import Leadership

_ROW = 1


def next_token() -> int:
    """A token larger than all that were given out or seen. Call it while holding the turn."""
    try:
        with transaction.atomic():
            Leadership.objects.get_or_create(pk=_ROW)
    except IntegrityError:
        # Somebody else made the row at the same moment.
        pass
    with transaction.atomic():
        row = Leadership.objects.select_for_update().get(pk=_ROW)
        row.token += 1
        row.save(update_fields=["token"])
        return row.token


def newest() -> int:
    """The token of the newest turn; 0 before the first."""
    return Leadership.objects.filter(pk=_ROW).values_list("token", flat=True).first() or 0


def log_end() -> int:
    """The version that everything committed so far adds up to."""
    return Leadership.objects.filter(pk=_ROW).values_list("head", flat=True).first() or 0
