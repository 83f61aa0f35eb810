"""The page of locks of applications: who holds and who waits, and that each right gives what it should."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registry import rights
from registry.audit_models import AuditRecord
from scheduler import applock
from scheduler.models import ApplicationLock, Run
from tests.dynamo_site.conftest import EVIL

pytestmark = pytest.mark.django_db
PAGE, BACK = reverse("application-locks"), reverse("application-locks-give-back")


def _logged_in(name: str, role: str = "") -> Client:
    user, client = User.objects.create_user(name), Client()
    if role:
        rights.grant(user, role, "application")
    client.force_login(user)
    return client


def _queue(application: str = "detox") -> list[str]:
    return [holder.user for holder in applock.queue(application)]


def test_who_holds_and_who_waits_is_for_everybody(client: Client) -> None:
    assert "Nothing is stopped" in client.get(PAGE).content.decode()
    applock.lock("detox", "olga", "night shift", f"disks {EVIL}")
    applock.lock("detox", "walter", note="me next", expires=timezone.now() + timedelta(hours=1))
    now = timezone.now()
    ApplicationLock.objects.create(application="dealer", user="eva", expires=now - timedelta(hours=1))
    run = Run.objects.create(application="detox", author="ann", host="h", pid=1, state="run")
    page = client.get(PAGE).content.decode()
    assert "<strong>has it stopped</strong>" in page and "waits, number 1" in page and "(night shift)" in page
    assert EVIL not in page and "eva" not in page and "<button" not in page.partition("<main")[2]
    assert f'href="/runs/{run.pk}/"' in page
    data = client.get(f"{PAGE}?format=json").json()["queues"]
    assert [(row["user"], row["depth"]) for row in data["detox"]] == [("olga", 1), ("walter", 1)]


def test_operators_stop_wait_and_give_back() -> None:
    olga, walter = _logged_in("olga", "operator"), _logged_in("walter", "operator")
    given = {"application": "detox", "note": "disks", "hours": "2"}
    assert "detox is stopped." in olga.post(PAGE, given, follow=True).content.decode()
    row = ApplicationLock.objects.get()
    assert (row.user, row.note) == ("olga", "disks") and row.expires is not None
    assert timedelta(hours=1.9) < row.expires - timezone.now() <= timedelta(hours=2)
    assert "you are in the queue" in walter.post(PAGE, {"application": "detox"}, follow=True).content.decode()
    assert _queue() == ["olga", "walter"]
    assert walter.post(BACK, {"application": "detox", "user": "olga", "service": ""}).status_code == 403
    assert walter.get(PAGE).content.decode().count("of detox</span></button>") == 1
    mine = {"application": "detox", "user": "olga", "service": ""}
    assert "now stopped by walter" in olga.post(BACK, mine, follow=True).content.decode()
    assert "any more" in olga.post(BACK, mine, follow=True).content.decode()
    assert _queue() == ["walter"]
    done = AuditRecord.objects.filter(target__contains="detox").order_by("pk")
    assert [(row.user, row.after is None) for row in done] == [("olga", False), ("walter", False), ("olga", True)]


def test_an_admin_gives_back_what_others_forgot() -> None:
    admin = _logged_in("anna", "admin")
    applock.lock("detox", "olga", "night shift")
    applock.lock("detox", "olga", "night shift")
    page = admin.get(PAGE).content.decode()
    assert "2 times" in page and "of detox for olga" in page
    for left in (["olga"], []):
        admin.post(BACK, {"application": "detox", "user": "olga", "service": "night shift"})
        assert _queue() == left


def test_others_look_only() -> None:
    ann = _logged_in("ann")
    applock.lock("detox", "ann")
    assert "<button" not in ann.get(PAGE).content.decode().partition("<main")[2]
    assert ann.post(PAGE, {"application": "dealer"}).status_code == 403
    assert ann.post(BACK, {"application": "detox", "user": "ann"}).status_code == 403
    assert Client().post(PAGE, {"application": "dealer"}).status_code in (302, 401, 403)
    assert _queue() == ["ann"] and _queue("dealer") == []


def test_what_cannot_be_is_told() -> None:
    olga = _logged_in("olga", "operator")
    for given in ({"application": ""}, {"application": "x" * 65}, {"application": "detox", "hours": "-1"}):
        assert olga.post(PAGE, given).status_code == 400, given
    assert not ApplicationLock.objects.exists()
