"""What the registry's tests share: an inventory with something in it, users, and callers with tokens."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from registry import rights, tokens
from tests.registry.makers import inventory_of_the_tests


class Api:
    """A user's calls of classic endpoints; each returns status and the answer's JSON."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client()
        self.headers = {} if user is None else {"authorization": f"Bearer {tokens.create(user)[1]}"}

    def get(self, path: str, **values: object):
        answer = self.client.get(f"/data/{path}", values, headers=self.headers)
        return answer.status_code, answer.json()

    def post(self, path: str, document: object = None, **values: object):
        body = values if document is None else document
        answer = self.client.post(f"/data/{path}", body, content_type="application/json", headers=self.headers)
        return answer.status_code, answer.json()

    def data(self, path: str, document: object = None, **values: object):
        status, answer = self.post(path, document, **values)
        assert status == 200, answer
        return answer.get("data")


@pytest.fixture
def filled(inventory):
    """The inventory of ``makers.inventory_of_the_tests``."""
    inventory.commit(inventory_of_the_tests())
    return inventory


@pytest.fixture
def anyone(db: None) -> Api:
    return Api()


@pytest.fixture
def ann(db: None) -> Api:
    return Api(User.objects.create_user("ann"))


@pytest.fixture
def bob(db: None) -> Api:
    return Api(User.objects.create_user("bob"))


@pytest.fixture
def admin(db: None) -> Api:
    """Admin of the inventory and of the registry."""
    user = User.objects.create_user("adam")
    rights.grant(user, "admin", "inventory")
    rights.grant(user, "admin", "registry")
    return Api(user)
