"""Life cycles as tables: every way through, and none besides."""

from __future__ import annotations

import pytest

from registry.lifecycle import ACTION, OPEN_REQUEST, REQUEST, ImpossibleTransition, after, before
from registry.models import ActionStatus, RequestStatus


def test_a_request_goes_from_new_over_activated_to_completed() -> None:
    assert after(REQUEST, after(REQUEST, "new", "activate"), "complete") == "completed"


@pytest.mark.parametrize("status", ["completed", "rejected", "cancelled"])
@pytest.mark.parametrize("event", ["activate", "reject", "complete"])
def test_nothing_happens_to_a_request_that_ended(status: str, event: str) -> None:
    with pytest.raises(ImpossibleTransition, match=f"request 7 is {status}"):
        after(REQUEST, status, event, "request 7")


def test_cancelling_twice_is_the_same_as_once() -> None:
    assert after(REQUEST, after(REQUEST, "new", "cancel"), "cancel") == "cancelled"


def test_what_was_handed_to_the_engines_can_not_be_cancelled() -> None:
    with pytest.raises(ImpossibleTransition, match="can be completed or released"):
        after(REQUEST, "activated", "cancel", "request 7")


def test_every_status_of_the_tables_is_one_of_the_models() -> None:
    assert {status for status, _ in REQUEST} | set(REQUEST.values()) == set(RequestStatus.values)
    assert {status for status, _ in ACTION} | set(ACTION.values()) == set(ActionStatus.values)


def test_every_open_request_can_come_to_an_end() -> None:
    final = {"completed", "rejected", "cancelled"}
    for status in OPEN_REQUEST:
        assert final & {after for (before_, _), after in REQUEST.items() if before_ == status}


def test_before_tells_where_an_event_can_happen() -> None:
    assert before(ACTION, "complete") == ("new", "queued")
