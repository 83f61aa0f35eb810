"""Every state meets every event: what the table lists happens, everything else raises with the story."""

from __future__ import annotations

import itertools

import polars as pl
import pytest

from fileops.lifecycle import OPEN, TRANSITIONS, Event, ImpossibleTransition, State, advance, allowed

FINAL = {State.DONE, State.CANCELLED}

# Written out once more by hand, as operators know it; a change of the table has to be meant.
EXPECTED = """
new: batched inbatch, hopeless held, found done, cancelled cancelled
inbatch: succeeded done, failed retry, postponed retry, hopeless held, cancelled cancelled
retry: batched inbatch, hopeless held, found done, released new, cancelled cancelled
held: released new, succeeded done, found done, cancelled cancelled
cancelled: succeeded cancelled, failed cancelled, postponed cancelled, hopeless cancelled
done:
"""


def expected() -> dict[tuple[str, str], str]:
    table = {}
    for line in EXPECTED.strip().splitlines():
        state, _, rest = line.partition(":")
        for pair in filter(None, rest.split(",")):
            event, after = pair.split()
            table[state, event] = after
    return table


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_event_in_every_state(state: State, event: Event) -> None:
    rows = pl.DataFrame(
        {"state": [state.value], "event": [event.value], "lfn": ["/store/a"], "site": ["T2_X"], "id": [7]}
    )
    after = expected().get((state.value, event.value))
    if after is not None:
        assert advance(rows)["next"].to_list() == [after]
        return
    with pytest.raises(ImpossibleTransition) as caught:
        advance(rows)
    for told in (state.value, event.value, "/store/a", "T2_X", "id: 7"):
        assert told in str(caught.value)


def test_one_impossible_row_stops_all() -> None:
    rows = pl.DataFrame({"state": ["new", "done"], "event": ["batched", "batched"], "lfn": ["/ok", "/wrong"]})
    with pytest.raises(ImpossibleTransition, match="/wrong") as caught:
        advance(rows)
    assert "/ok" not in str(caught.value)


def test_many_impossible_rows_are_counted() -> None:
    rows = pl.DataFrame({"state": ["done"] * 9, "event": ["failed"] * 9})
    with pytest.raises(ImpossibleTransition, match="and 4 more"):
        advance(rows)


def test_order_and_other_columns_are_kept() -> None:
    rows = pl.DataFrame(
        {"state": ["held", "new", "inbatch"], "event": ["released", "batched", "failed"], "id": [3, 1, 2]}
    )
    assert advance(rows).select("id", "next").rows() == [(3, "new"), (1, "inbatch"), (2, "retry")]


def test_no_final_state_is_left_and_every_open_one_can_end() -> None:
    for state in FINAL:
        assert all(after == state for (before, _), after in TRANSITIONS.items() if before == state)
    for start in OPEN:
        reached, grown = {start}, True
        while grown:
            more = {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
            reached, grown = reached | more, bool(more)
        assert reached >= FINAL


def test_every_open_state_can_be_cancelled() -> None:
    assert set(allowed(Event.CANCELLED)) == set(OPEN)
