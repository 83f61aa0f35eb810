"""Bookmarks of the first Dynamo's pages lead to what shows the same here."""

from __future__ import annotations

import pytest
from django.urls import resolve

from dynamo_site.pages.old_addresses import urlpatterns


@pytest.mark.parametrize(("old", "new"), [
    ("inventory/stats?statistic=usage&list_by=group&dataset=%2FA*", "/statistics/?statistic=usage&list_by=group&dataset=%2FA%2A"),
    ("detox/", "/detox/"), ("detox?partition=Physics", "/detox/?partition=Physics"), ("detox/?cycle=12&partition=X", "/detox/12/"),
    ("detox/test", "/detox/?test=1"), ("detox?cycle=x", "/detox/?cycle=x"), ("detox?cycle=%C2%B2", "/detox/?cycle=%C2%B2"),
    ("transfers/held?site=x", "/files/"), ("transfers/activity?graph=rate", "/activity/"), ("applock/help", "/runs/"),
])  # fmt: skip
def test_old_pages_lead_to_new_ones(client, db: None, old: str, new: str) -> None:
    answer = client.get(f"/web/{old}")
    assert (answer.status_code, answer.url) == (302, new)


def test_all_of_them_lead_somewhere(client, db: None) -> None:
    for pattern in urlpatterns:
        assert resolve(client.get(f"/{pattern.pattern}").url.partition("?")[0])
    assert client.get("/web/none").status_code == 404
