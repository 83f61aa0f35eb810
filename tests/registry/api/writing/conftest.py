"""Callers of ``/api/v1/``, each with a token."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from registry import rights, tokens
from registry.api import throttling
from tests.registry.makers import inventory_of_the_tests


class Caller:
    """A user's calls; each returns the response."""

    def __init__(self, user: User | None = None) -> None:
        self.user, self.client = user, Client()
        self.headers = {} if user is None else {"authorization": f"Bearer {tokens.create(user)[1]}"}

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str):
        return self.client.get(f"/api/v1/{path}", query, headers={**self.headers, **_named(headers)})

    def send(self, method: str, path: str, body: Any = None, content_type: str = "application/json", **headers: str):
        data = body if isinstance(body, bytes | str) else b"" if body is None else json.dumps(body)
        return self.client.generic(
            method, f"/api/v1/{path}", data, content_type=content_type, headers={**self.headers, **_named(headers)}
        )

    def post(self, path: str, body: Any = None, **headers: str):
        return self.send("POST", path, body, **headers)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def problem(response, status: int, kind: str) -> dict[str, Any]:
    """The response's problem details, which have to be of that kind."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    told = response.json()
    assert told["type"] == f"/api/v1/problems/{kind}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert told["instance"] == response.wsgi_request.path
    return told


def fields_of(told: dict[str, Any]) -> list[str]:
    """The fields that a problem names."""
    return [error["field"] for error in told["errors"]]


@pytest.fixture(autouse=True)
def _fresh_limits():
    """What the process remembers of limits is of another test's database."""
    throttling.forget()
    yield
    throttling.forget()


@pytest.fixture
def filled(inventory):
    inventory.commit(inventory_of_the_tests())
    return inventory


@pytest.fixture
def nobody(db: None) -> Caller:
    return Caller()


@pytest.fixture
def ann(db: None) -> Caller:
    return Caller(User.objects.create_user("ann"))


@pytest.fixture
def bob(db: None) -> Caller:
    return Caller(User.objects.create_user("bob"))


@pytest.fixture
def operator(db: None) -> Caller:
    """Operator of everything, and admin of the inventory."""
    user = User.objects.create_user("olga")
    for target in rights.TARGETS:
        rights.grant(user, "operator", target)
    rights.grant(user, "admin", "inventory")
    return Caller(user)
