"""Roles and bearer tokens, with the commands that give and take them."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from registry import rights, tokens
from registry.errors import Denied, NotAuthenticated, Refused
from registry.models import ApiToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().strip()


def test_nobody_has_a_right_that_was_not_granted(ann: User) -> None:
    assert not rights.has(ann, "admin", "inventory")
    with pytest.raises(Denied, match="ann has not the role admin on inventory"):
        rights.require(ann, "admin", "inventory")
    with pytest.raises(NotAuthenticated):
        rights.require(AnonymousUser(), "admin", "inventory")


def test_granting_and_revoking_on_the_command_line(ann: User) -> None:
    assert run("grant", "ann", "admin", "inventory") == "ann has the role admin on inventory"
    assert run("grant", "ann", "admin", "inventory").endswith("(as before)")
    rights.require(ann, "admin", "inventory")
    assert json.loads(run("grant", "--json")) == [{"user": "ann", "target": "inventory", "role": "admin"}]
    run("grant", "ann", "admin", "inventory", "--revoke")
    assert not rights.has(ann, "admin", "inventory")


def test_an_admin_of_a_target_is_its_operator_and_of_no_other(ann: User) -> None:
    rights.grant(ann, "admin", "registry")
    assert rights.has(ann, "operator", "registry")
    assert not rights.has(ann, "operator", "inventory")


def test_who_is_not_active_has_no_right(ann: User) -> None:
    rights.grant(ann, "admin", "inventory")
    User.objects.update(is_active=False, is_superuser=True)
    assert not rights.has(User.objects.get(), "admin", "inventory")


@pytest.mark.parametrize("arguments", [("nobody", "admin", "inventory"), ("ann", "Admin!", "inventory"), ("ann",)])
def test_a_grant_that_can_not_be_says_why(ann: User, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("grant", *arguments)


def test_a_token_stands_for_its_user_and_only_its_hash_is_kept(ann: User) -> None:
    secret = run("token", "create", "ann", "--service", "workflow")
    token = tokens.find(secret)
    assert (token.user, token.service) == (ann, "workflow")
    assert secret not in json.dumps(list(ApiToken.objects.values()), default=str)
    assert ApiToken.objects.get().last_used is not None


def test_tokens_end_by_time_by_hand_and_with_their_user(ann: User) -> None:
    made = json.loads(run("token", "create", "ann", "--expires", "1", "--json"))
    ApiToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotAuthenticated, match="expired at"):
        tokens.find(made["token"])
    ApiToken.objects.update(expires=None)
    User.objects.update(is_active=False)
    with pytest.raises(NotAuthenticated, match="not active"):
        tokens.find(made["token"])
    User.objects.update(is_active=True)
    assert "is revoked" in run("token", "revoke", str(made["id"]))
    with pytest.raises(NotAuthenticated, match="was revoked"):
        tokens.find(made["token"])
    with pytest.raises(NotAuthenticated, match="not known"):
        tokens.find("dynamo_guess")


def test_listing_tokens_shows_no_secret(ann: User) -> None:
    secret = run("token", "create", "ann")
    assert secret not in run("token", "list") + run("token", "list", "--json")
    assert [row["user"] for row in json.loads(run("token", "list", "ann", "--json"))] == ["ann"]


def test_a_token_has_to_last_some_time(ann: User) -> None:
    with pytest.raises(Refused):
        tokens.create(ann, days=0)
    with pytest.raises(CommandError):
        run("token", "create", "ann", "--expires", "-3")
    with pytest.raises(CommandError, match="no user bob"):
        run("token", "create", "bob")


def test_use_is_noted_once_a_minute(ann: User) -> None:
    _, secret = tokens.create(ann)
    tokens.find(secret)
    first = ApiToken.objects.get().last_used
    tokens.find(secret)
    assert ApiToken.objects.get().last_used == first


def test_a_user_logs_in_and_acts_with_the_session(ann: User, filled) -> None:
    ann.set_password("secret-7")
    ann.save()
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/login/", {"next": "/data/request/pollcopy"})
    assert "Log in" in page.content.decode()
    form = {"username": "ann", "password": "wrong", "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    assert "do not belong together" in browser.post("/login/", form).content.decode()
    answer = browser.post("/login/", form | {"password": "secret-7", "next": "/data/request/pollcopy"})
    assert (answer.status_code, answer["Location"]) == (302, "/data/request/pollcopy")
    headers = {"x-csrftoken": browser.cookies["csrftoken"].value}
    locked = browser.post("/data/detox/lock/lock", {"item": "/A", "expires": "tomorrow"}, headers=headers)
    assert locked.json()["data"][0]["user"] == "ann"


def test_logging_in_leads_to_no_other_server(ann: User) -> None:
    ann.set_password("secret-7")
    ann.save()
    answer = Client().post("/login/", {"username": "ann", "password": "secret-7", "next": "https://evil.example.org/"})
    assert answer["Location"] == "/"
