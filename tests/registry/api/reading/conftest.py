"""What the tests of reading share: an inventory of a few hundred rows of every kind, and calls of ``/api/v1/``."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.registry.api.reading.makers import filled_inventory


class Reader:
    """Calls of ``/api/v1/`` by nobody known."""

    def __init__(self) -> None:
        self.client = Client()

    def get(self, path: str, query: object = None, **headers: str):
        return self.client.get(
            f"/api/v1/{path}", query, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def rows(self, path: str, **query: object) -> list[dict]:
        answer = self.get(path, query)
        assert answer.status_code == 200, answer.content
        return answer.json()["results"]

    def all_rows(self, path: str, between=lambda: None, **query: object) -> list[dict]:
        """The rows of all pages; ``between`` is called after each page."""
        found, address = [], f"/api/v1/{path}"
        while True:
            answer = self.client.get(address, query)
            assert answer.status_code == 200, answer.content
            page = answer.json()
            found += page["results"]
            if page["next"] is None:
                return found
            address, query = page["next"], None
            between()

    def problem(self, path: str, query: object = None, **headers: str) -> tuple[int, dict]:
        answer = self.get(path, query, **headers)
        assert answer["Content-Type"] == "application/problem+json", answer.content
        return answer.status_code, answer.json()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def stocked(inventory):
    """The inventory of ``makers.filled_inventory``."""
    inventory.commit(filled_inventory())
    return inventory
