"""How classic endpoints take calls and dress answers, and whom they let change anything."""

from __future__ import annotations

import json
import time

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from inventory.errors import InventoryUnavailable
from registry import rights, tokens
from registry.access import access
from registry.classic.envelope import Call, Parameter, endpoint
from registry.errors import Busy, NotThere
from registry.urls import bad_request, server_error
from scheduler.errors import TurnBusy


@endpoint(Parameter("item", "list"), Parameter("n", "integer", default=1))
def look(call: Call) -> dict[str, object]:
    call.message = "here"
    return dict(call.values)


@endpoint(Parameter("service"), changes=True, document=True)
def change(call: Call) -> dict[str, object]:
    return {"user": call.caller.name, "service": call.caller.service, "document": call.document}


@endpoint(changes=True, role=("admin", "inventory"))
def administer(call: Call) -> str:
    return "done"


@access()
def broken(request: HttpRequest) -> HttpResponse:
    raise KeyError("a secret of the inside")


ERRORS = {"busy": Busy("not now", retry_after=3), "turn": TurnBusy("detox has it"), "gone": NotThere("no such"),
          "down": InventoryUnavailable("no server")}  # fmt: skip


@endpoint(Parameter("error"))
def fail(call: Call) -> None:
    raise ERRORS[call["error"]]


urlpatterns = [path("look", look), path("change", change), path("administer", administer), path("fail", fail),
               path("data/look", look), path("data/change", change), path("data/broken", broken), path("registry/broken", broken), path("page", broken)]  # fmt: skip
handler400, handler500 = bad_request, server_error
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password="secret")


def bearer(user: User, service: str = "") -> dict[str, str]:
    return {"authorization": f"Bearer {tokens.create(user, service)[1]}"}


def test_query_form_and_json_are_one(client: Client) -> None:
    expected = {"item": ["/A", "/B"], "n": 2}
    for answer in (
        client.get("/look?item=/A,/B&n=2"),
        client.get("/look?item[]=/A&item[]=/B&n=2&callback=f"),
        client.post("/look?n=2", {"item": ["/A", "/B"]}),
        client.post("/look", "item=/A&item=/B&n=2", content_type="application/x-www-form-urlencoded"),
        client.post("/look", {"item": ["/A", "/B"], "n": 2}, content_type="application/json"),
        client.post("/look", '{"item": "/A,/B", "n": "2"}', content_type="application/x-www-form-urlencoded"),
    ):
        assert answer.status_code == 200, answer.content
        assert answer.json() == {"result": "OK", "message": "here", "data": expected}


@pytest.mark.parametrize(("query", "text"), [
    ("itme=/A", "unknown parameter itme"), ("n=many", "n: 'many'"), ("item=%00", "item: "), ("item=%ff", "query: not UTF-8"),
])  # fmt: skip
def test_mistakes_in_parameters_are_named(client: Client, query: str, text: str) -> None:
    answer = client.get(f"/look?{query}")
    assert (answer.status_code, answer.json()["result"]) == (400, "Bad Request")
    assert text in answer.json()["message"]
    assert "data" not in answer.json()


@pytest.mark.parametrize(("body", "text"), [
    ('{"item": ', "line 1, column"), ("[1]", "JSON object of parameters"), ('{"n": NaN}', "NaN"), ('{"n": ' + "[" * 5000, "body"),
    ('{"item": "\\ud800"}', "body.item"), ('{"item": ["a\\u0000"]}', "body.item[0]"), (b'{"item": "\xff"}', "not UTF-8"),
    ("nonsense", "JSON object"), ('{"item": "/A", "item": "/B"}', "'item' is twice in one object"),
    ('{"n": ' + "9" * 5000 + "}", "a number of 5000 digits"), ('{"n": null}', "n: null is not a whole number"),
])  # fmt: skip
def test_bodies_that_are_no_json_say_where(client: Client, body, text: str) -> None:
    answer = client.post("/look", body, content_type="application/json")
    assert answer.status_code == 400
    assert text in answer.json()["message"]


def test_a_body_that_is_too_large_is_refused(client: Client, settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = client.post("/look", json.dumps({"item": "x" * 2000}), content_type="application/json")
    assert (answer.status_code, "larger than 1000 bytes" in answer.json()["message"]) == (400, True)


def test_parameters_of_whoever_calls_are_bounded_and_documents_of_known_users_are_not(
    client: Client, ann: User
) -> None:
    body = json.dumps({"item": "x" * 1024 * 1024})
    answer = client.post("/look", body, content_type="application/json")
    assert (answer.status_code, "larger than 1048576 bytes" in answer.json()["message"]) == (400, True)
    answer = client.post("/change", body, content_type="application/json", headers=bearer(ann))
    assert len(answer.json()["data"]["document"]["item"]) == 1024 * 1024


def test_a_name_that_is_twice_among_very_many_is_found_at_once(client: Client) -> None:
    """Not by looking through all names for each of them, which at this number takes minutes."""
    names = ",".join(f'"{number}":0' for number in range(80_000))
    began = time.process_time()
    answer = client.post("/look", f'{{{names},"79999":1}}', content_type="application/json")
    assert "'79999' is twice" in answer.json()["message"]
    assert time.process_time() - began < 10


def test_long_forms_are_taken(client: Client) -> None:
    form = "&".join(f"item[]=/A{number}" for number in range(2000))
    assert (
        len(client.post("/look", form, content_type="application/x-www-form-urlencoded").json()["data"]["item"]) == 2000
    )


def test_other_methods_are_not_allowed(client: Client) -> None:
    assert client.put("/look").status_code == 405


def test_who_is_not_known_changes_nothing(client: Client) -> None:
    answer = client.post("/change", "{}", content_type="application/json")
    assert answer.status_code == 401
    assert "log in, or send a bearer token" in answer.json()["message"]
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_bearer_of_a_token_acts_as_its_user_under_its_service(client: Client, ann: User) -> None:
    answer = client.post("/change", "[1]", content_type="application/json", headers=bearer(ann, "workflow"))
    assert answer.json()["data"] == {"user": "ann", "service": "workflow", "document": [1]}


def test_a_wrong_token_is_refused_even_for_looking(client: Client) -> None:
    assert client.get("/look", headers={"authorization": "Bearer dynamo_guess"}).status_code == 401


def test_a_session_needs_a_csrf_token(ann: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ann)
    answer = browser.post("/change", "{}", content_type="application/json")
    assert (answer.status_code, "CSRF" in answer.json()["message"]) == (403, True)
    browser.cookies["csrftoken"] = "x" * 32
    answer = browser.post("/change", "{}", content_type="application/json", headers={"x-csrftoken": "x" * 32})
    assert answer.json()["data"]["user"] == "ann"


def test_with_a_session_looking_at_an_address_changes_nothing(ann: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ann)
    answer = browser.get("/change")
    assert (answer.status_code, "has to be a POST" in answer.json()["message"]) == (403, True)


def test_a_token_wins_over_a_session_and_needs_no_csrf_token(ann: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ann)
    bob = User.objects.create_user("bob")
    answer = browser.post("/change", "{}", content_type="application/json", headers=bearer(bob))
    assert answer.json()["data"]["user"] == "bob"


def test_a_role_is_needed_where_it_is_declared(client: Client, ann: User) -> None:
    headers = bearer(ann)
    answer = client.post("/administer", headers=headers)
    assert (answer.status_code, answer.json()["result"]) == (403, "Forbidden")
    assert "ann has not the role admin on inventory" in answer.json()["message"]
    rights.grant(ann, "admin", "inventory")
    assert client.post("/administer", headers=headers).json()["data"] == "done"


@pytest.mark.parametrize(
    ("error", "status", "after"), [("busy", 503, "3"), ("turn", 503, "10"), ("down", 503, "10"), ("gone", 404, None)]
)
def test_errors_have_their_status(client: Client, error: str, status: int, after: str | None) -> None:
    answer = client.get(f"/fail?error={error}")
    assert (answer.status_code, answer.get("Retry-After")) == (status, after)
    assert answer.json()["message"] == str(ERRORS[error])


@pytest.mark.parametrize("address", ["/data/broken", "/registry/broken"])
def test_what_breaks_is_told_in_the_envelope_and_without_the_inside(address: str) -> None:
    answer = Client(raise_request_exception=False).get(address)
    assert (answer.status_code, answer.json()["result"]) == (500, "Internal Server Error")
    assert "secret" not in answer.content.decode() and "log" in answer.json()["message"]


def test_a_page_that_breaks_is_a_page() -> None:
    answer = Client(raise_request_exception=False).get("/page")
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (500, "text/html")


def test_a_foreign_host_is_refused_in_the_envelope() -> None:
    answer = Client().get("/data/broken", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["result"]) == (400, "Bad Request")
    assert Client().get("/page", headers={"host": "evil.example"})["Content-Type"].startswith("text/html")


def test_without_the_database_nobody_is_known_for_now(client: Client, ann: User, monkeypatch) -> None:
    headers = bearer(ann)

    def away(*_: object) -> None:
        raise OperationalError(2002, "Can't connect to server on 'db.example.org'")

    monkeypatch.setattr(tokens, "find", away)
    answer = client.post("/change", "{}", content_type="application/json", headers=headers)
    assert (answer.status_code, answer["Retry-After"], answer.json()["result"]) == (503, "10", "Service Unavailable")
    assert "example.org" not in answer.json()["message"]


def test_in_the_clear_one_may_look_but_not_change(ann: User, settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    old = Client(headers=bearer(ann))
    assert old.get("/page").status_code == 301
    assert old.post("/data/look", {"item": "/A"}).json()["data"]["item"] == ["/A"]
    answer = old.post("/data/change", "{}", content_type="application/json")
    assert (answer.status_code, "over https only" in answer.json()["message"]) == (400, True)
    assert old.post("/data/change", "{}", content_type="application/json", secure=True).status_code == 200
