"""Requests that left the database are on the page of requests and in the search."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dynamo_site.pages import lists
from registry import archive
from registry.models import Request, RequestArchive
from tests.dynamo_site.conftest import EVIL, make_request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("directories")]
ARCHIVED = reverse("requests") + "?which=archived"


def _old(item: str, site: str = "T2_B", status: str = "completed", user: str = "ann") -> int:
    made = make_request(item, [site])
    ended = timezone.now() - timedelta(days=1000)
    Request.objects.filter(pk=made.pk).update(status=status, ended=ended, user=user)
    return made.pk


def _shown(client: Client, address: str) -> list[int]:
    return [row["id"] for row in client.get(f"{address}&format=json").json()["rows"]]


def test_they_are_listed_and_filtered(client: Client) -> None:
    assert "archived" not in client.get(reverse("requests")).content.decode()
    first, second = _old("/Old/A/AOD"), _old(f"/Other{EVIL}/B/RAW", "T1_X", "rejected", "bob")
    assert archive.move_old(timezone.now()) == 2
    here = make_request("/New/A/AOD", ["T2_B"]).pk
    page = client.get(reverse("requests")).content.decode()
    assert "2 archived" in page and "/New/A/AOD" in page and "/Old/A/AOD" not in page
    page = client.get(ARCHIVED).content.decode()
    assert "/Old/A/AOD" in page and f'href="/requests/{first}/"' in page and f'href="/requests/{here}/"' not in page
    assert EVIL not in page and "&lt;script&gt;" in page
    assert _shown(client, ARCHIVED) == [second, first]
    for asked, found in (
        ("q=/Old", [first]), ("q=T1_", [second]), ("q=bob", [second]), ("status=rejected", [second]), ("kind=copy", [second, first]),
        ("kind=deletion", []), ("status=open", []), (f"below={second}", [first]), ("below=x", [second, first]), ("q=nothing", []),
    ):  # fmt: skip
        assert _shown(client, f"{ARCHIVED}&{asked}") == found, asked
    assert "No archived request matches" in client.get(f"{ARCHIVED}&q=nothing").content.decode()


def test_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PER_PAGE", 2)
    numbers = [_old(f"/Old/{number}/AOD") for number in range(5)][::-1]
    archive.move_old(timezone.now())
    found, address = [], ARCHIVED
    while address:
        found += _shown(client, address)
        older = client.get(address).context["older"]
        address = f"{ARCHIVED}&below={older}" if older else ""
    assert found == numbers


def test_they_are_found_by_number_item_and_user(client: Client, inventory: Any) -> None:
    number = _old("/Old/A/AOD", user="bob")
    archive.move_old(timezone.now())
    here = make_request("/Old/A/AOD", ["T2_B"]).pk
    for text, requests in ((str(number), [number]), ("/Old/A/AOD", [here, number]), ("bob", [number]), ("ann", [here])):
        found = client.get(reverse("search"), {"q": text, "format": "json"}).json()["requests"]
        assert [row["id"] for row in found] == requests, text
    assert f'href="/requests/{number}/"' in client.get(reverse("search"), {"q": "bob"}).content.decode()


def test_a_damaged_archive_is_told_on_the_page(client: Client, inventory: Any) -> None:
    _old("/Old/A/AOD")
    archive.move_old(timezone.now())
    file = archive.directory() / RequestArchive.objects.get().file
    file.write_bytes(b"nothing of the kind")
    assert "The archive cannot be read" in client.get(ARCHIVED).content.decode()
    assert "Archived requests cannot be searched" in client.get(reverse("search"), {"q": "x"}).content.decode()
    file.unlink()
    assert "The archive cannot be read" in client.get(ARCHIVED).content.decode()
