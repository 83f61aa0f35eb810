"""Buttons for those who may press them: operators of some sites, callers with a token; and files that no spreadsheet computes."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consistency import history
from consistency.frames import SPARED
from consistency.models import Check, CheckState
from registry import rights, tokens
from registry.models import DetoxLock, Request, RequestStatus
from scheduler import applock
from scheduler.models import ApplicationLock
from tests.dynamo_site.conftest import make_request

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("directories")]
APPROVE, WITHDRAW = 'value="approve"', 'value="cancel"'


def _waiting(*sites: str) -> Request:
    made = make_request("/A/B/AOD", list(sites))
    Request.objects.filter(pk=made.pk).update(status=RequestStatus.WAITING)
    return Request.objects.get(pk=made.pk)


def _page(client: Client, row: Request, **headers: str) -> str:
    return client.get(reverse("request", args=[row.pk]), **headers).content.decode()


def test_an_operator_of_some_sites_decides_over_requests_for_them() -> None:
    user, client = User.objects.create_user("ursula"), Client()
    rights.grant(user, "operator", "registry")
    rights.limit(user, "operator", "registry", sites="T2_US_*")
    client.force_login(user)
    inside, outside = _waiting("T2_US_MIT"), _waiting("T2_US_MIT", "T2_CH_CERN")
    page = _page(client, inside)
    assert APPROVE in page and 'value="reject"' in page and 'value="release"' not in page and WITHDRAW not in page
    assert APPROVE not in _page(client, outside)
    client.post(reverse("request-decide", args=[inside.pk]), {"action": "approve"})
    client.post(reverse("request-decide", args=[outside.pk]), {"action": "approve"})
    assert set(Request.objects.values_list("pk", "status")) == {(inside.pk, "new"), (outside.pk, "waiting")}


def test_a_token_is_as_good_as_a_login(client: Client) -> None:
    user = User.objects.create_user("ann")
    _, secret = tokens.create(user, "", 1)
    row = make_request("/A/B/AOD", ["T2_B"])
    DetoxLock.objects.create(
        item="/A/B/AOD", user="ann", locked=timezone.now(), expires=timezone.now() + timedelta(days=1)
    )
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    assert WITHDRAW in _page(client, row, **bearer) and WITHDRAW not in _page(client, row)
    assert "release lock" in client.get(reverse("locks"), **bearer).content.decode()
    assert "release lock" not in client.get(reverse("locks")).content.decode()


def test_only_who_holds_an_application_has_stopped_it(client: Client, inventory: object) -> None:
    applock.lock("detox", "olga", note="disks are exchanged")
    applock.lock("detox", "walter", note="me next")
    now = timezone.now()
    ApplicationLock.objects.create(application="dealer", user="eva", note="long over", expires=now - timedelta(days=1))
    stopped = client.get(reverse("front") + "?format=json").json()["stopped"]
    assert [(row["application"], row["user"], row["note"]) for row in stopped] == [
        ("detox", "olga", "disks are exchanged")
    ]
    page = client.get(reverse("front")).content.decode()
    assert "detox</a> was stopped by olga" in page and "walter" not in page and "long over" not in page


def test_no_list_of_a_check_is_computed_by_a_spreadsheet(client: Client) -> None:
    now = timezone.now()
    check = Check.objects.create(site="T2_A", state=CheckState.DONE, author="carl", started=now, ended=now)
    names = ["=cmd|' /C calc'!A0", "plain.root"]
    rows = {
        "kind": ["orphan"] * 2,
        "directory": ["/store"] * 2,
        "base_name": names,
        "size": [3, 4],
        "reason": ["-1", ""],
    }
    history.keep(check.pk, {"spared": pl.DataFrame(rows, schema=SPARED)})
    lines = client.get(reverse("check-list", args=[check.pk, "spared"])).content.decode().splitlines()
    cells = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    assert [cell["base_name"] for cell in cells] == [f"'{names[0]}", "plain.root"]
    assert [cell["reason"] for cell in cells] == ["'-1", '""'] and [cell["size"] for cell in cells] == ["3", "4"]
