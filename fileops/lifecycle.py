"""The life of a file subscription as one table; pure, used by everything that changes a subscription's state.

new ──batched──▶ inbatch ──succeeded──▶ done
 ▲                 │ ├── failed, postponed ──▶ retry ──batched──▶ inbatch
 └──released── held ◀┴── hopeless                                  (cancelled from any open state)
"""

from __future__ import annotations

from enum import StrEnum

import polars as pl


class State(StrEnum):
    """Where a subscription stands. Open: new, inbatch, retry, held; final: done, cancelled."""

    NEW = "new"
    INBATCH = "inbatch"
    RETRY = "retry"
    HELD = "held"
    DONE = "done"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can happen to a subscription."""

    BATCHED = "batched"  # taken into a batch, with its source
    SUCCEEDED = "succeeded"  # the backend finished it
    FAILED = "failed"  # it failed in a way that another attempt, or another source, may cure
    POSTPONED = "postponed"  # handed back untried: its site does not answer
    HOPELESS = "hopeless"  # no attempt can help until something changes
    FOUND = "found"  # the file is already there, or already gone
    RELEASED = "released"  # by hand, by a new source, by the site's return
    CANCELLED = "cancelled"  # nobody wants it any more


class Reason(StrEnum):
    """Why a subscription is held."""

    NO_SOURCE = "no_source"
    ALL_FAILED = "all_failed"
    SITE_UNAVAILABLE = "site_unavailable"
    DESTINATION_FULL = "destination_full"
    DESTINATION_REFUSES = "destination_refuses"
    LOCKED = "locked"
    BAD_NAME = "bad_name"


MOMENT: pl.DataType | type[pl.DataType] = pl.Datetime("us", "UTC")
"""Type of times in frames that come from the database: aware, UTC."""

OPEN = frozenset({State.NEW, State.INBATCH, State.RETRY, State.HELD})
WAITING = frozenset({State.NEW, State.RETRY})

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.NEW, Event.BATCHED): State.INBATCH,
    (State.NEW, Event.HOPELESS): State.HELD,
    (State.NEW, Event.FOUND): State.DONE,
    (State.NEW, Event.CANCELLED): State.CANCELLED,
    (State.INBATCH, Event.SUCCEEDED): State.DONE,
    (State.INBATCH, Event.FAILED): State.RETRY,
    (State.INBATCH, Event.POSTPONED): State.RETRY,
    (State.INBATCH, Event.HOPELESS): State.HELD,
    (State.INBATCH, Event.CANCELLED): State.CANCELLED,
    (State.RETRY, Event.BATCHED): State.INBATCH,
    (State.RETRY, Event.HOPELESS): State.HELD,
    (State.RETRY, Event.FOUND): State.DONE,
    (State.RETRY, Event.RELEASED): State.NEW,
    (State.RETRY, Event.CANCELLED): State.CANCELLED,
    (State.HELD, Event.RELEASED): State.NEW,
    (State.HELD, Event.FOUND): State.DONE,
    (State.HELD, Event.CANCELLED): State.CANCELLED,
    # It was held when the backend was at it already, and could not be stopped.
    (State.HELD, Event.SUCCEEDED): State.DONE,
    # The backend's answer about something that was cancelled while it worked changes nothing.
    (State.CANCELLED, Event.SUCCEEDED): State.CANCELLED,
    (State.CANCELLED, Event.FAILED): State.CANCELLED,
    (State.CANCELLED, Event.POSTPONED): State.CANCELLED,
    (State.CANCELLED, Event.HOPELESS): State.CANCELLED,
}

_TABLE = pl.DataFrame(
    [(before, event, after) for (before, event), after in TRANSITIONS.items()],
    schema={"state": pl.String, "event": pl.String, "next": pl.String}, orient="row",
)  # fmt: skip
_TOLD = 5


class ImpossibleTransition(Exception):
    """An event met a subscription in a state where it cannot happen; the text tells the whole story."""


def allowed(event: Event) -> tuple[State, ...]:
    """The states in which ``event`` can happen."""
    return tuple(before for before, happening in TRANSITIONS if happening == event)


def advance(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows (state String, event String, and any others) with the column ``next`` String added.

    Raises :class:`ImpossibleTransition` with all that ``rows`` tell about those that cannot happen.
    """
    moved = rows.join(_TABLE, on=["state", "event"], how="left", maintain_order="left")
    impossible = moved.filter(pl.col("next").is_null()).drop("next")
    if impossible.height:
        raise ImpossibleTransition(_story(impossible))
    return moved


def _story(rows: pl.DataFrame) -> str:
    told = [
        f"{row.pop('event')} cannot happen to a subscription that is {row.pop('state')}"
        f" ({', '.join(f'{name}: {value}' for name, value in row.items())})"
        for row in rows.head(_TOLD).iter_rows(named=True)
    ]
    more = [f"and {rows.height - _TOLD} more"] if rows.height > _TOLD else []
    return "; ".join(told + more)
