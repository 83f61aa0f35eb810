"""Changes of people and rights, and those made on administration pages, are in the audit log."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from inventory.models import TunedSetting
from registry import rights
from registry.models import AuditRecord, RightLimit, UserDN
from scheduler import applock
from tests.detox.store import POLICY

pytestmark = pytest.mark.django_db


def logged() -> list[tuple]:
    return list(AuditRecord.objects.order_by("id").values_list("user", "action", "target", "before", "after"))


def test_rights_are_given_and_taken_on_record() -> None:
    ann = User.objects.create_user("ann")
    AuditRecord.objects.all()._raw_delete("default")
    rights.grant(ann, "operator", "detox")
    rights.revoke(ann, "operator", "detox")
    actions = [(action, target, before, after) for _, action, target, before, after in logged()]
    assert ("user.join", "user ann", None, {"with": ["detox:operator"]}) in actions
    assert ("user.leave", "user ann", {"with": ["detox:operator"]}, None) in actions


def test_a_password_is_never_in_the_log() -> None:
    ann = User.objects.create_user("ann", password="first-Secret")
    ann.set_password("second-Secret")
    ann.save()
    change = AuditRecord.objects.filter(action="user.change").get()
    assert list(change.after) == ["password"]
    assert change.before != change.after
    assert ann.password not in str(list(AuditRecord.objects.values()))
    assert "Secret" not in str(list(AuditRecord.objects.values()))


@pytest.fixture
def chief() -> Client:
    client = Client(REMOTE_ADDR="192.0.2.1")
    client.force_login(User.objects.create_superuser("chief"))
    return client


def test_a_name_that_a_proxy_of_another_user_could_have_is_refused(chief: Client) -> None:
    ann, bob = User.objects.create_user("ann"), User.objects.create_user("bob")
    UserDN.objects.create(user=ann, dn="/O=Example/CN=Ann")

    def add(user: User, dn: str) -> str:
        return chief.post("/admin/registry/userdn/add/", {"user": user.pk, "dn": dn}).content.decode()

    for dn in ("/O=Example/CN=Ann/CN=12", "/O=Example/CN=Ann/CN=1/CN=Robot 7"):
        assert "one of the two names extends the other" in add(bob, dn)
    add(ann, "/O=Example/CN=Ann/CN=Robot 7")
    add(bob, "/O=Example/CN=Annabel")
    add(bob, "/O=Other/CN=Bob/CN=5")
    assert "is bob; one of the two names" in add(ann, "/O=Other/CN=Bob")
    assert UserDN.objects.count() == 4


@pytest.mark.parametrize("password", ["short-1", "password1234", "928374650192", "ann@example.org"])
def test_a_weak_password_is_not_taken(chief: Client, password: str) -> None:
    ann = User.objects.create_user("ann", email="ann@example.org")
    answer = chief.post(f"/admin/auth/user/{ann.pk}/password/", {
        "password1": password, "password2": password, "usable_password": "true",
    })  # fmt: skip
    ann.refresh_from_db()
    assert (answer.status_code, ann.has_usable_password()) == (200, False)


def test_edits_on_administration_pages_name_who_and_from_where(chief: Client) -> None:
    ann = User.objects.create_user("ann")
    answer = chief.post("/admin/registry/userdn/add/", {"user": ann.pk, "dn": "CN=Ann,O=Example"})
    assert answer.status_code == 302, answer.content.decode()
    assert UserDN.objects.get().dn == "/O=Example/CN=Ann"
    chief.post(
        "/admin/registry/rightlimit/add/",
        {"user": ann.pk, "role": "operator", "target": "detox", "sites": "T2_*", "groups": ""},
    )
    chief.post(f"/admin/registry/rightlimit/{RightLimit.objects.get().pk}/change/", {
        "user": ann.pk, "role": "operator", "target": "detox", "sites": "T1_*", "groups": "",
    })  # fmt: skip
    rows = {(row.action, row.user, row.method, row.address): row for row in AuditRecord.objects.all()}
    assert ("user's-DN.add", "chief", "session", "192.0.2.1") in rows
    changed = rows["limit-of-a-right.change", "chief", "session", "192.0.2.1"]
    assert (changed.before, changed.after) == ({"sites": "T2_*"}, {"sites": "T1_*"})


def test_settings_and_stops_of_applications_are_on_record_from_anywhere(chief: Client) -> None:
    TunedSetting.objects.create(component="detox", name="x", value=1)
    applock.lock("detox", "ann")
    applock.unlock("detox", "ann")
    actions = [action for _, action, *_ in logged()]
    assert any("setting" in action for action in actions)
    assert sum("lock" in action for action in actions) == 2


def test_policies_that_commands_put_in_force_are_on_record(tmp_path, settings) -> None:
    settings.POLICY_DIR = tmp_path / "none"
    (tmp_path / "Physics.txt").write_text(POLICY)
    call_command("policy", "load", str(tmp_path / "Physics.txt"), "--author", "ann", stdout=StringIO())
    row = AuditRecord.objects.get()
    assert (row.action, row.method, row.after["name"], row.after["author"]) == (
        "policy-version.add", "command", "Physics.txt", "ann",
    )  # fmt: skip
    assert "Dismiss" not in str(row.after)  # versions keep it


def test_the_log_is_looked_at_and_not_edited(chief: Client) -> None:
    row = AuditRecord.objects.order_by("-id").first()
    assert chief.get("/admin/registry/auditrecord/").status_code == 200
    assert chief.get(f"/admin/registry/auditrecord/{row.pk}/change/").status_code == 200
    assert chief.post(f"/admin/registry/auditrecord/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_pages_of_people_open(chief: Client) -> None:
    for page in ("userdn", "tokensubject", "rightlimit", "apitoken"):
        assert chief.get(f"/admin/registry/{page}/").status_code == 200
    for page in ("userdn", "tokensubject", "rightlimit"):
        assert chief.get(f"/admin/registry/{page}/add/").status_code == 200
