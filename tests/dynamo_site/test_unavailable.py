"""Pages that need what is not there now say so, and when to try again."""

import json

import pytest
from django.db import OperationalError
from django.test import RequestFactory

from dynamo_site.unavailable import UnavailableMiddleware
from inventory.errors import InventoryUnavailable, TurnLost
from inventory.parquet import FrameDamaged
from scheduler.errors import QueueUnavailable, TurnBusy


@pytest.fixture
def middleware():
    return UnavailableMiddleware(lambda request: None)


@pytest.mark.parametrize("error", [InventoryUnavailable("no server"), TurnBusy("detox has it"), QueueUnavailable("x")])
def test_programs_get_503_with_when_to_try_again(middleware, error):
    for accept in ("application/json", "text/html"):
        answer = middleware.process_exception(RequestFactory().get("/data/x", HTTP_ACCEPT=accept), error)
        assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "10", "application/json")
        found = json.loads(answer.content)
        assert (found.pop("result"), str(error) in found.pop("message"), found) == ("Service Unavailable", True, {})


def test_a_database_that_is_away_is_told_without_its_address(middleware):
    error = OperationalError(2002, "Can't connect to server on 'db.example.org'")
    answer = middleware.process_exception(RequestFactory().get("/data/x"), error)
    assert answer.status_code == 503 and "the database does not answer" in answer.content.decode()
    assert "example.org" not in answer.content.decode()
    assert middleware.process_exception(RequestFactory().get("/"), OperationalError(1054, "Unknown column")) is None


def test_people_get_a_page(middleware):
    answer = middleware.process_exception(
        RequestFactory().get("/", HTTP_ACCEPT="text/html"), TurnBusy("<detox> has it")
    )
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "Not available now" in answer.content.decode() and "&lt;detox&gt; has it" in answer.content.decode()


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_damaged_file_is_told_without_where_it_lies(middleware, accept):
    error = FrameDamaged("/srv/dynamo/history/detox/3/plan.parquet cannot be read")
    answer = middleware.process_exception(RequestFactory().get("/detox/3/", HTTP_ACCEPT=accept), error)
    assert answer.status_code == 500
    assert "is damaged" in answer.content.decode() and "/srv" not in answer.content.decode()


def test_other_errors_are_not_touched(middleware):
    assert middleware.process_exception(RequestFactory().get("/"), TurnLost("x")) is None
