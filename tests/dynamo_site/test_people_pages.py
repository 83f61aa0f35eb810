"""Users, rights and the audit log on pages: who may look, and that nobody hands on more than they have."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from registry import audit, rights
from registry.audit_models import AuditRecord
from registry.models import RightLimit
from tests.dynamo_site.conftest import EVIL

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> User:
    """An administrator of the registry, and of nothing else."""
    user = User.objects.create_user("anna")
    rights.grant(user, "admin", "registry")
    return user


@pytest.fixture
def desk(anna: User) -> Client:
    client = Client()
    client.force_login(anna)
    return client


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob", email="bob@example.org")


def test_only_administrators_of_the_registry_look(client: Client, bob: User, desk: Client) -> None:
    pages = [reverse("users"), reverse("user", args=[bob.pk]), reverse("audit")]
    client.force_login(bob)
    assert [client.get(page).status_code for page in pages] == [403, 403, 403]
    assert [desk.get(page).status_code for page in pages] == [200, 200, 200]
    assert ">People<" in desk.get("/locks/").content.decode()
    assert ">People<" not in client.get("/locks/").content.decode()


def test_a_role_with_limits_is_granted_and_taken_away(desk: Client, bob: User) -> None:
    page = reverse("user", args=[bob.pk])
    given = {"role": "operator", "target": "registry", "sites": "T2_US_*", "groups": ""}
    assert desk.post(page, given).status_code == 302
    assert rights.has(bob, "operator", "registry", site="T2_US_MIT") and not rights.has(bob, "operator", "registry")
    assert "T2_US_*" in desk.get(page).content.decode()
    assert desk.post(page, given | {"sites": ""}).status_code == 302
    assert rights.has(bob, "operator", "registry") and not RightLimit.objects.exists()
    assert desk.post(page, given).status_code == 400
    assert desk.post(page, {"take": "registry:operator"}).status_code == 302
    assert not rights.reaches(bob, "operator", "registry", anywhere=True) and not RightLimit.objects.exists()
    done = AuditRecord.objects.filter(target="bob").order_by("pk")
    assert {row.user for row in done} == {"anna"} and {"right.grant", "right.revoke"} <= {row.action for row in done}


def test_nobody_hands_on_what_they_do_not_have(desk: Client, bob: User) -> None:
    page = reverse("user", args=[bob.pk])
    answer = desk.post(page, {"role": "admin", "target": "inventory"})
    assert answer.status_code == 400 and "has not the role admin on inventory" in answer.content.decode()
    rights.grant(bob, "operator", "detox")
    assert desk.post(page, {"take": "detox:operator"}).status_code == 400
    assert rights.has(bob, "operator", "detox") and not rights.has(bob, "admin", "inventory")
    assert desk.post(page, {"role": "king", "target": "registry"}).status_code == 400


def test_the_audit_log_is_searched_and_exported(desk: Client) -> None:
    AuditRecord.objects.all()
    audit.record("carl", "lock.set", f"/A/B/C {EVIL}", None, {"items": ["x"], "comment": EVIL})
    audit.record("=cmd|' /C calc'!A0", "lock.release", "/A/B/C", {"comment": "x"}, None)
    page = desk.get(reverse("audit") + "?user=carl&target=/A/B").content.decode()
    assert "lock.set" in page and "<code>lock.release" not in page and "&lt;script&gt;" in page and EVIL not in page
    assert "Nothing." in desk.get(reverse("audit") + "?until=2020-01-01").content.decode()
    answer = desk.get(reverse("audit") + "?format=csv&action=lock.release")
    lines = b"".join(answer).decode().splitlines()
    assert lines[0].startswith("time,user,roles") and len(lines) == 2 and ",'=cmd|" in lines[1].replace('"', "")


def test_users_are_found_by_name_mail_and_role(desk: Client, bob: User) -> None:
    for text, found in (("bo", True), ("example.org", True), ("registry:admin", False), ("nobody", False)):
        listed = ">bob<" in desk.get(reverse("users") + f"?q={text}").content.decode()
        assert listed == found, text
