"""Logging in a program by a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from registry import tokens
from registry.models import ApiToken, AuditRecord, DeviceLogin

pytestmark = pytest.mark.django_db


def call(what: str, **body: object):
    return Client().post(f"/api/v1/device/{what}", body, content_type="application/json")


def begun(**body: object) -> dict:
    answer = call("codes", client="dynamo on a laptop", **body)
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    return answer.json()


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("ann"))
    return client


def test_a_program_is_logged_in_once_its_user_has_approved_it(browser: Client) -> None:
    login = begun()
    assert login["verification_uri_complete"] == f"http://testserver/device/?code={login['user_code']}"
    pending = call("token", device_code=login["device_code"])
    assert (pending.status_code, pending.json()["type"]) == (400, "/api/v1/problems/login-pending")
    assert call("token", device_code=login["device_code"]).json()["type"].endswith("slow-down")
    shown = browser.get("/device/", {"code": login["user_code"].lower()}).content.decode()
    assert "dynamo on a laptop" in shown
    assert DeviceLogin.objects.get().user is None  # following a link decides nothing
    assert browser.post("/device/", {"code": login["user_code"], "decision": "approve"}).status_code == 302
    made = call("token", device_code=login["device_code"]).json()
    assert tokens.find(made["secret"]).user.username == "ann"
    assert made["expires"] is not None
    again = call("token", device_code=login["device_code"])
    assert (again.status_code, again.json()["type"]) == (400, "/api/v1/problems/login-expired")
    actions = set(AuditRecord.objects.values_list("action", "user"))
    assert {("device.approve", "ann"), ("token.make", "ann")} <= actions


def test_a_rejected_login_gets_nothing(browser: Client) -> None:
    login = begun()
    browser.post("/device/", {"code": login["user_code"], "decision": "reject"})
    answer = call("token", device_code=login["device_code"])
    assert (answer.status_code, answer.json()["type"]) == (403, "/api/v1/problems/login-rejected")
    assert not ApiToken.objects.exists()


def test_scopes_go_from_the_wish_to_the_token(browser: Client) -> None:
    login = begun(scopes=["registry"])
    browser.post("/device/", {"code": login["user_code"], "decision": "approve"})
    call("token", device_code=login["device_code"])
    assert ApiToken.objects.get().scopes == ["registry"]
    assert call("codes", scopes=["everything"]).status_code == 400


def test_an_old_login_is_not_approved(browser: Client) -> None:
    login = begun()
    DeviceLogin.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert browser.post("/device/", {"code": login["user_code"], "decision": "approve"}).status_code == 400
    assert call("token", device_code=login["device_code"]).json()["type"].endswith("login-expired")


def test_who_guesses_codes_has_to_wait(browser: Client) -> None:
    answers = [browser.post("/device/", {"code": f"BCDF-GHJ{letter}"}).content.decode() for letter in "KLMNPQRS"]
    assert "there is no login waiting" in answers[0]
    assert "too many failed attempts" in answers[-1]
    login = begun()
    assert "too many failed attempts" in browser.get("/device/", {"code": login["user_code"]}).content.decode()


def test_guessing_by_approving_counts_too(browser: Client) -> None:
    answers = [
        browser.post("/device/", {"code": f"BCDF-GHJ{letter}", "decision": "approve"}).content.decode()
        for letter in "KLMNPQRS"
    ]
    assert "there is no login waiting" in answers[0]
    assert "too many failed attempts" in answers[-1]


def test_nobody_approves_without_being_known() -> None:
    login = begun()
    answer = Client().post("/device/", {"code": login["user_code"], "decision": "approve"})
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/")
    assert DeviceLogin.objects.get().user is None


def test_secrets_are_kept_as_hashes_only(browser: Client) -> None:
    login = begun()
    kept = str(DeviceLogin.objects.values().get())
    assert login["device_code"] not in kept
