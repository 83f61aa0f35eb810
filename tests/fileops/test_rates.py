"""Copies and deletions over time, as ``/api/v1/`` tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from fileops.models import Attempt

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)


def ended(after: timedelta, operation: str = "copy", code: int = 0, destination: str = "B") -> None:
    moment = NOON + after
    Attempt.objects.create(
        subscription=1, operation=operation, lfn="/store/a", source="A", destination=destination, size=7, created=moment,
        submitted=moment, started=moment, finished=moment, exit_code=code, batch=1,
    )  # fmt: skip


def rates(what: str = "transfers", **query: Any) -> list[list[Any]]:
    query = {"since": "2026-03-01T12:00:00Z", "until": "2026-03-02T13:00:00Z", **query}
    answer = Client().get(f"/api/v1/{what}/rates", query)
    assert answer.status_code == 200, answer.content
    return [list(row.values()) for row in answer.json()["results"]]


def test_rates_by_hour_and_by_what_is_asked() -> None:
    for minutes, code in ((0, 0), (30, 0), (59, 110), (60, 0), (24 * 60, 0), (26 * 60, 0)):
        ended(timedelta(minutes=minutes), code=code)
    ended(timedelta(minutes=5), "delete", destination="C")
    assert rates() == [
        ["2026-03-01T12:00:00Z", "B", 2, 1, 14], ["2026-03-01T13:00:00Z", "B", 1, 0, 7], ["2026-03-02T12:00:00Z", "B", 1, 0, 7],
    ]  # fmt: skip
    assert rates(step="day", by="link") == [
        ["2026-03-01T00:00:00Z", "A → B", 3, 1, 21], ["2026-03-02T00:00:00Z", "A → B", 1, 0, 7],
    ]  # fmt: skip
    assert rates("deletions") == [["2026-03-01T12:00:00Z", "C", 1, 0, 7]]
    assert rates(entity="No") == []
    assert [row[2] for row in rates(order="-files", limit=1)] == [2]


def test_what_cannot_be_plotted_is_refused() -> None:
    for query in ({"step": "year"}, {"by": "file"}, {"since": "2030-01-01"}, {"step": "minute", "since": "2020-01-01"}):
        answer = Client().get("/api/v1/transfers/rates", {"until": "2026-03-02T13:00:00Z", **query})
        assert answer.status_code == 400, query
    assert Client().get("/api/v1/transfers/rates", {"until": "0001-01-01T00:00:00Z"}).status_code == 400
    assert Client().get("/api/v1/transfers/rates").json()["results"] == []
