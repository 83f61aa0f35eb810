"""Life cycles of requests and of their actions, as tables of transitions; pure.

An event that the table does not list for a status is impossible and raises with the whole story.
"""

from __future__ import annotations

from collections.abc import Mapping

REQUEST: Mapping[tuple[str, str], str] = {
    # A rule has it wait for a person (see ``approval``).
    ("waiting", "approve"): "new",
    ("waiting", "reject"): "rejected",
    ("waiting", "cancel"): "cancelled",
    # Its user changed what was accepted before.
    ("new", "hold"): "waiting",
    ("new", "activate"): "activated",
    ("new", "reject"): "rejected",
    ("new", "cancel"): "cancelled",
    ("cancelled", "cancel"): "cancelled",
    # There was nothing left to do.
    ("new", "complete"): "completed",
    ("activated", "complete"): "completed",
    # An operator hands it to the engines again.
    ("activated", "release"): "new",
    ("rejected", "release"): "new",
}
"""Status of a request and event → next status."""

ACTION: Mapping[tuple[str, str], str] = {
    ("new", "queue"): "queued",
    ("new", "complete"): "completed",
    ("queued", "complete"): "completed",
    ("new", "fail"): "failed",
    ("queued", "fail"): "failed",
    # The request was activated again after an operator released it.
    ("failed", "renew"): "new",
    ("completed", "renew"): "new",
}
"""Status of an action and event → next status."""

FIRST_REQUEST = ("waiting", "new")
"""How a request begins; its user may change and withdraw it as long as it is so."""

IN_HAND = ("new", "activated")
"""What engines see and must not act against."""

OPEN_REQUEST = ("waiting", "new", "activated")
OPEN_ACTION = ("new", "queued")

_VERB = {
    "approve": "approved", "hold": "held for approval", "activate": "activated", "reject": "rejected", "cancel": "cancelled", "complete": "completed", "release": "released",
    "queue": "queued", "fail": "failed", "renew": "begun again",
}  # fmt: skip


class ImpossibleTransition(ValueError):
    """The event cannot happen to something in this status; the text says what could."""


def after(table: Mapping[tuple[str, str], str], status: str, event: str, what: str = "it") -> str:
    """The status that follows ``event`` in ``status``; ``what`` is named in the error."""
    if (status, event) not in table:
        possible = sorted(_VERB[other] for known, other in table if known == status)
        end = f"it can be {' or '.join(possible)}" if possible else "that is final"
        raise ImpossibleTransition(f"{what} is {status} and cannot be {_VERB[event]}; {end}")
    return table[status, event]


def before(table: Mapping[tuple[str, str], str], event: str) -> tuple[str, ...]:
    """The statuses in which ``event`` can happen, for bulk updates."""
    return tuple(status for status, other in table if other == event)
