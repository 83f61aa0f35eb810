"""The client in Python, against a real server."""

from __future__ import annotations

import pytest

from dynamo_client import CannotConnect, Denied, DynamoClient, DynamoError, Refused, Unavailable
from registry.models import Injection, Request
from testbed.processes import free_ports
from tests.client.conftest import envelope
from tests.registry.makers import BIG, SMALL

slow = pytest.mark.slow


@slow
def test_asking_looking_and_withdrawing(ann: DynamoClient) -> None:
    made = ann.request_copy([BIG], ["T2_B"], group="AnalysisOps", copies=0)
    assert (made["status"], made["n"], made["user"]) == ("new", 0, "ann")
    assert ann.requests(request_id=made["request_id"]) == [made]
    assert ann.cancel(made["request_id"])["status"] == "cancelled"
    deletion = ann.request_deletion([SMALL], ["T1_*"])
    assert ann.requests(deletions=True, status=["new"]) == [deletion]
    assert ann.cancel(deletion["request_id"], deletion=True)["status"] == "cancelled"


@slow
def test_injecting_and_invalidating(ann: DynamoClient) -> None:
    assert ann.inject({"dataset": [{"name": "/N/a/B"}]}, sync=True)["datasets"] == 1
    assert ann.get("inventory/datasets", {"dataset": ["/N/*"]})[0]["name"] == "/N/a/B"
    assert ann.invalidate({"dataset": [{"name": "/N/a/B"}]}, sync=True)["datasets"] == 1
    ann.inject({"dataset": [{"name": "/M/a/B"}]})
    assert Injection.objects.filter(state="queued").count() == 1


@slow
def test_locks(ann: DynamoClient) -> None:
    [lock] = ann.lock(BIG, "2 days", sites=["T2_A"], comment="paper")
    assert ann.locks() == [lock]
    assert "unlocked" in ann.unlock(lock["lockid"])[0]
    assert ann.locks() == []
    assert ann.locks(showall=True)[0]["lockid"] == lock["lockid"]


@slow
def test_the_servers_refusals_come_as_what_they_are(server: str, ann: DynamoClient) -> None:
    with pytest.raises(Refused, match="unknown dataset or block: /No"):
        ann.request_copy(["/No"], ["T2_B"], group="AnalysisOps")
    with DynamoClient(server) as nobody, pytest.raises(Denied, match="log in, or send a bearer token"):
        nobody.request_copy([BIG], ["T2_B"])
    with DynamoClient(server, "dynamo_wrong") as wrong, pytest.raises(Denied, match="not known"):
        wrong.requests()
    with pytest.raises(Refused, match="there is no such command"):
        ann.get("no/such")
    assert not Request.objects.exists()


def test_no_server_is_told_at_once() -> None:
    with (
        DynamoClient(f"http://127.0.0.1:{free_ports(1)[0]}") as client,
        pytest.raises(CannotConnect, match="cannot connect"),
    ):
        client.requests()


@pytest.mark.parametrize("url", ["http://[broken", "nonsense", "ftp://example.org"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(CannotConnect), DynamoClient(url) as client:
        client.requests()


@slow
@pytest.mark.parametrize("token", ["dynamo_half\nother", "dynamo_é", "dynamo_a b"])
def test_a_damaged_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(DynamoError, match="the token has characters") as refused:
        DynamoClient("http://127.0.0.1:1", token)
    assert "dynamo_" not in str(refused.value)


def test_a_busy_server_is_asked_again(flaky) -> None:
    busy = flaky((503, "1", envelope(None, "Service Unavailable", "busy")), (200, None, envelope([1])))
    with DynamoClient(busy.url, patience=10) as client:
        assert client.get("some/list") == [1]
    assert busy.calls == 2


def test_patience_ends(flaky) -> None:
    busy = flaky((503, "60", envelope(None, "Service Unavailable", "detox has the turn")))
    with DynamoClient(busy.url, patience=5) as client, pytest.raises(Unavailable, match="detox has the turn"):
        client.get("some/list")
    assert busy.calls == 1


@pytest.mark.parametrize(("status", "body", "error", "text"), [
    (500, "<html>", Unavailable, "500 Internal Server Error"), (200, "<html>login</html>", Refused, "is the address right"),
    (302, "", Refused, "is the address right"), (404, "nothing here", Refused, "404 Not Found"),
    (403, "{}", Denied, "403 Forbidden"), (400, envelope(None, "Bad Request", "n: is wrong"), Refused, "n: is wrong"),
    (200, "[1]", Refused, "no answer of Dynamo"),
])  # fmt: skip
def test_answers_that_are_no_data_are_errors(flaky, status, body, error, text) -> None:
    with DynamoClient(flaky((status, None, body)).url) as client, pytest.raises(error, match=text):
        client.get("some/list")
