"""Whatever a server says becomes a record, or is told as no answer of Dynamo: never another error."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamo_client import CannotConnect, DynamoError
from dynamo_client import records as kinds
from dynamo_client.command.text import cell, harmless, shown
from dynamo_client.decoding import Record, time_of
from dynamo_client.moments import moment

KINDS = [getattr(kinds, name) for name in kinds.__all__]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_nothing_has_defaults(kind: type[Record]) -> None:
    assert kind.of({}) == kind()
    assert kind.of({"new": 1}).raw == {"new": 1}


@given(st.data())
def test_any_row_is_a_record_or_told(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    names = st.sampled_from([one.name for one in fields(kind) if one.name != "raw"] or ["x"])
    row = data.draw(st.dictionaries(names, VALUES, max_size=4) | VALUES)
    try:
        found = kind.of(row)
    except CannotConnect:
        return
    nothing = kind()
    for one in fields(kind):
        if one.name != "raw" and row.get(one.name) is None:
            assert getattr(found, one.name) == getattr(nothing, one.name)


@given(VALUES)
def test_any_value_can_be_shown(value: object) -> None:
    assert harmless(shown(value)).isprintable()
    text = cell(value)
    assert isinstance(value, int | float) or not text.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize(
    "value", ["2026-11-24T20:45:00Z", "2026-11-24T21:45:00+01:00", "2026-11-24T20:45:00", 1795553100]
)
def test_times_have_their_zone(value: object) -> None:
    assert time_of(value) == datetime(2026, 11, 24, 20, 45, tzinfo=UTC)


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(("given_", "meant"), [
    ("30 days", "2026-12-24T12:00:00Z"), ("in 1 week", "2026-12-01T12:00:00Z"), ("2 hours", "2026-11-24T14:00:00Z"),
    ("2027-01-31", "2027-01-31T00:00:00Z"), ("2027-01-31T12:00+02:00", "2027-01-31T10:00:00Z"),
    (datetime(2027, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))), "2027-01-31T10:00:00Z"),
])  # fmt: skip
def test_times_as_people_write_them(given_: str | datetime, meant: str) -> None:
    assert moment(given_, NOW) == meant


@pytest.mark.parametrize("given_", ["", "whenever", "999999 years", "30", "-3 days", "2027-13-01"])
def test_what_is_no_time_is_told(given_: str) -> None:
    with pytest.raises(DynamoError, match="no time; write 2027-01-31"):
        moment(given_, NOW)
