"""Calls against servers that are busy, broken, or no Dynamo at all."""

from __future__ import annotations

import asyncio
import json

import pytest

from dynamo_client import (
    AsyncDynamo,
    CannotConnect,
    Denied,
    Dynamo,
    DynamoError,
    Misconfigured,
    NotThere,
    Refused,
    Unavailable,
)
from testbed.processes import free_ports
from tests.client.conftest import Answer

PROBLEM = {"type": "/api/v1/problems/refused", "title": "Refused", "status": 400, "detail": "n is wrong"}
ME = {"user": "ann", "rights": []}


def busy(seconds: str = "1", status: int = 503) -> Answer:
    return Answer(status, PROBLEM | {"status": status, "detail": "detox has the turn"}, {"Retry-After": seconds})


def test_no_server_is_told_at_once() -> None:
    with Dynamo(f"http://127.0.0.1:{free_ports(1)[0]}") as client, pytest.raises(CannotConnect, match="cannot connect"):
        client.whoami()


@pytest.mark.parametrize(
    ("url", "told"),
    [("http://[broken", CannotConnect), ("nonsense", Misconfigured), ("ftp://example.org", Misconfigured), ("http://127.0.0.1:99999999", CannotConnect)],
)  # fmt: skip
def test_an_address_that_is_none_is_told(url: str, told: type[DynamoError]) -> None:
    with pytest.raises(told), Dynamo(url) as client:
        client.whoami()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "told"), [(429, "0"), (502, "soon"), (503, "-1"), (504, "Fri, 31 Dec 1999 23:59:59 GMT")]
)
def test_a_busy_server_is_asked_again_with_the_same_key(played, status: int, told: str) -> None:
    server = played(busy(told, status), Answer(201, {"id": 7, "status": "new"}))
    waits: list[float] = []
    with Dynamo(server.url, patience=10, told=lambda _, seconds: waits.append(seconds)) as client:
        assert client.request_copy("/A", "T2_A").id == 7
    first, second = server.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.document == second.document == {"items": ["/A"], "sites": ["T2_A"]}
    assert 1 <= waits[0] <= 1.25


@pytest.mark.slow
def test_a_connection_that_breaks_is_made_again_once_the_server_is_known(played) -> None:
    server = played(Answer(200, ME), Answer(cut=True), Answer(201, {"id": 7}))
    with Dynamo(server.url, patience=10) as client:
        client.whoami()
        assert client.request_copy("/A").id == 7
    keys = [one.headers.get("idempotency-key") for one in server.asked]
    assert keys[1] == keys[2] is not None
    fresh = played(Answer(cut=True))
    with Dynamo(fresh.url, patience=10) as client, pytest.raises(CannotConnect, match="cannot connect"):
        client.whoami()
    assert len(fresh.asked) == 1


@pytest.mark.slow
def test_an_upload_is_sent_again_whole(played) -> None:
    document = {"dataset": [{"name": f"/Some{number}/x/Y" * 20} for number in range(20_000)]}
    server = played(busy("0"), Answer(202, {"id": 1, "state": "queued"}))
    with Dynamo(server.url, patience=10) as client:
        assert client.inject(document).state == "queued"
    first, second = server.asked
    assert first.body == second.body
    assert second.document == document
    assert len(second.body) < len(json.dumps(document)) / 5


@pytest.mark.parametrize("told", ["60", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_patience_ends(played, told: str) -> None:
    server = played(busy(told))
    with Dynamo(server.url, patience=5) as client, pytest.raises(Unavailable, match="detox has the turn") as error:
        client.whoami()
    assert (len(server.asked), error.value.status) == (1, 503)


def test_a_secret_that_was_lost_is_told(played) -> None:
    with (
        Dynamo(played(Answer(201, {"id": 7, "secret": ""})).url) as client,
        pytest.raises(Unavailable, match="token 7"),
    ):
        client.create_token()


def test_each_call_has_a_key_of_its_own(played) -> None:
    server = played(Answer(201, {"id": 7}))
    with Dynamo(server.url) as client:
        client.request_copy("/A")
        client.request_copy("/A")
    assert len({one.headers["idempotency-key"] for one in server.asked}) == 2


def test_a_key_that_is_in_use_is_waited_for_and_another_conflict_is_not(played) -> None:
    server = played(busy("60", 409))
    with Dynamo(server.url, patience=1) as client, pytest.raises(Refused, match="detox has the turn"):
        client.cancel(1)
    again = played(Answer(409, PROBLEM | {"status": 409}), Answer(200, {"id": 1}))
    with Dynamo(again.url, patience=5) as client, pytest.raises(Refused, match="n is wrong"):
        client.cancel(1)
    assert len(again.asked) == 1


@pytest.mark.parametrize(("answer", "error", "text"), [
    (Answer(500, "<html>"), Unavailable, "500 Internal Server Error"),
    (Answer(200, "<html>login</html>"), CannotConnect, "is the address right"),
    (Answer(302, "", {"Location": "https://elsewhere.example.org"}), CannotConnect, "is the address right"),
    (Answer(404, "nothing here"), CannotConnect, "404 Not Found"),
    (Answer(404, PROBLEM | {"status": 404}), NotThere, "n is wrong"),
    (Answer(401, "who?"), Denied, "401 Unauthorized"),
    (Answer(403, "{}"), Denied, "403 Forbidden"),
    (Answer(400, PROBLEM | {"errors": [{"field": "a", "detail": "b"}]}), Refused, "n is wrong\n  a: b"),
    (Answer(400, PROBLEM | {"errors": "none"}), Refused, "n is wrong"),
    (Answer(400, [1, 2]), CannotConnect, "is the address right"),
    (Answer(200, "[1]"), CannotConnect, r"gave \[1\] where Caller should be"),
    (Answer(200, {"user": {"name": "ann"}}), CannotConnect, "as user of Caller"),
    (Answer(200, {"user": "ann", "rights": "all"}), CannotConnect, "as rights of Caller"),
    (Answer(200, "no gzip at all", {"Content-Encoding": "gzip"}), CannotConnect, "damaged"),
    (Answer(200, '{"user": "a', {"Content-Length": "5000"}), CannotConnect, "cannot connect"),
    (Answer(200, "[" * 100_000), CannotConnect, "is the address right"),
    (Answer(200, ""), CannotConnect, "where Caller should be"),
])  # fmt: skip
@pytest.mark.parametrize("kind", [Dynamo, AsyncDynamo])
def test_answers_that_are_no_data_are_errors(played, kind, answer, error, text) -> None:
    server = played(answer)

    async def awaited() -> None:
        async with AsyncDynamo(server.url, patience=0, timeout=5) as client:
            await client.whoami()

    def called() -> None:
        with Dynamo(server.url, patience=0, timeout=5) as client:
            client.whoami()

    with pytest.raises(error, match=text):
        asyncio.run(awaited()) if kind is AsyncDynamo else called()


@pytest.mark.parametrize("page", [
    [], {"results": 5, "next": None}, {"results": [], "next": 5}, {"next": None}, {"results": [5], "next": None},
    {"results": [{"size": "large"}], "next": None}, {"results": [{"last_update": "yesterday"}], "next": None},
    {"results": [{"is_open": "yes"}], "next": None},
])  # fmt: skip
def test_pages_that_are_none_are_errors(played, page) -> None:
    with Dynamo(played(Answer(200, page)).url) as client, pytest.raises(CannotConnect):
        list(client.datasets())


def test_the_cursor_is_followed_and_not_the_address(played) -> None:
    server = played(
        Answer(200, {"results": [{"name": "/A"}], "next": "https://elsewhere.example.org/api/v1/datasets?cursor=a%2Bb&limit=9"}),
        Answer(200, {"results": [{"name": "/B", "new_field": 1}], "next": None}),
    )  # fmt: skip
    with Dynamo(server.url) as client:
        rows = list(client.datasets("/*", status="VALID"))
    assert [row.name for row in rows] == ["/A", "/B"]
    assert rows[1].raw["new_field"] == 1
    assert server.asked[1].path == "/api/v1/datasets?limit=1000&name=%2F%2A&status=VALID&cursor=a%2Bb"


def test_a_listing_that_does_not_end_is_ended(played) -> None:
    server = played(Answer(200, {"results": [{"name": "/A"}], "next": "?cursor=same"}))
    with Dynamo(server.url) as client:
        assert len(list(client.datasets())) == 2


def test_a_page_is_asked_for_when_it_is_needed(played) -> None:
    server = played(Answer(200, {"results": [{"name": "/A"}], "next": "?cursor=c"}))
    with Dynamo(server.url) as client:
        assert next(client.datasets()).name == "/A"
    assert len(server.asked) == 1


def test_what_was_written_is_read_back(played) -> None:
    server = played(Answer(201, {"id": 1}, {"Dynamo-Version": "17"}), Answer(200, ME, {"Dynamo-Version": "99"}))
    with Dynamo(server.url) as client:
        client.inject({})
        client.whoami()
        client.whoami()
    assert [one.headers.get("dynamo-version") for one in server.asked] == [None, "17", "17"]


@pytest.mark.parametrize("token", ["dynamo_half\nother", "dynamo_é", "dynamo_a b"])
def test_a_damaged_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(DynamoError, match="the token has characters") as refused:
        Dynamo("http://127.0.0.1:1", token=token)
    assert "dynamo_" not in str(refused.value)


def test_a_token_is_not_carried_elsewhere(played) -> None:
    other = played(Answer(200, ME))
    server = played(Answer(307, "", {"Location": other.url + "/api/v1/whoami"}))
    with Dynamo(server.url, token="dynamo_secret") as client, pytest.raises(CannotConnect):
        client.whoami()
    assert server.asked[0].headers["authorization"] == "Bearer dynamo_secret"
    assert other.asked == []
