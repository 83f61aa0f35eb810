"""Sending a change set until its outcome is known: sent again with the same transaction id, it is applied once."""

from __future__ import annotations

import time
from collections.abc import Callable

from inventory.errors import InventoryUnavailable, OutcomeUnknown
from inventory.log import Commit

RESOLVE_SECONDS = 20.0
"""So long an answer that was lost is asked for again."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_NEVER_SENT = "failed to connect"


def until_known(send: Callable[[], Commit]) -> Commit:
    """The answer that ``send`` brings. Should one get lost, the change set is sent again, until it is known what became of it.

    Raises what ``send`` raises, and OutcomeUnknown when that is not known in time.
    """
    try:
        return send()
    except OutcomeUnknown as error:
        unknown = error
    deadline, pause = time.monotonic() + RESOLVE_SECONDS, _FIRST_PAUSE
    while time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            return send()
        except InventoryUnavailable as error:
            # This sending changed nothing, or is not known either: what became of the first is still open.
            latest = str(error)
    raise OutcomeUnknown(f"{unknown}; asked again for {RESOLVE_SECONDS:.0f} s, the last time: {latest}") from unknown


def lost(error: InventoryUnavailable) -> InventoryUnavailable:
    """``error`` of a call that should bring the answer to a change set: whether the server can have got it."""
    if type(error) is not InventoryUnavailable or _NEVER_SENT in str(error):
        return error
    return OutcomeUnknown(f"{error}; whether the change set is applied is not known")
