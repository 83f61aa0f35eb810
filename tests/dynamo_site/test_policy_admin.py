"""Policies edited in the admin: checked on save, a version each, never a wrong one in place of a good one."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from inventory.models import PolicyVersion
from inventory.policy import versions
from tests.inventory.policy.samples import PARTITIONS, policy

pytestmark = pytest.mark.django_db
ADD, LIST = "admin:inventory_policyversion_add", "admin:inventory_policyversion_changelist"
GOOD, BETTER = policy("Protect dataset.size > 1"), policy("Protect dataset.size > 2")


@pytest.fixture
def boss(client: Client, settings, tmp_path: Path) -> Client:
    settings.POLICY_DIR = tmp_path
    client.force_login(User.objects.create_superuser("boss"))
    return client


def save(client: Client, text: str, based_on: int, name: str = "P.txt") -> str:
    """What the page says after a save."""
    fields = {"name": name, "text": text.replace("\n", "\r\n"), "based_on": based_on, "comment": "why"}
    return client.post(reverse(ADD), fields, follow=True).content.decode()


def test_a_policy_is_made_and_edited(boss: Client) -> None:
    save(boss, GOOD, 0)
    assert (versions.in_force("P.txt").text, versions.newest("P.txt").author) == (GOOD, "boss")
    page = boss.get(reverse(ADD), {"from": versions.newest("P.txt").pk}).content.decode()
    assert "Protect dataset.size &gt; 1" in page and 'name="based_on" value="1"' in page
    save(boss, BETTER, 1)
    assert versions.in_force("P.txt").text == BETTER
    shown = boss.get(reverse(LIST)).content.decode()
    assert f'href="{reverse(ADD)}?from={versions.newest("P.txt").pk}"' in shown


@pytest.mark.parametrize(("text", "told"), [
    (policy("Protct dataset.size > 1", "Protect dataset.sze > 1"), ["P.txt:5:1: &#x27;Protct&#x27; is no action", "P.txt:6:9: unknown variable dataset.sze (did you mean dataset.size?)"]),
    ("<script>alert(1)</script>", ["&lt;script&gt;alert(1)&lt;/script&gt;"]), ("{", ["not JSON"]), (PARTITIONS, ["partitions are the inventory"]),
    ("\0", ["Null characters are not allowed"]), ("x" * 2_100_000, ["more than 2000000 characters"]),
])  # fmt: skip
def test_a_wrong_text_is_told_with_its_lines_and_replaces_nothing(boss: Client, text: str, told: list[str]) -> None:
    save(boss, GOOD, 0)
    page = save(boss, text, 1)
    assert [part for part in told if part not in page] == []
    assert "<script>alert(1)" not in page
    assert (versions.in_force("P.txt").text, PolicyVersion.objects.count()) == (GOOD, 1)


def test_what_is_probably_not_meant_is_shown_and_saved(boss: Client) -> None:
    page = save(boss, policy("Protect dataset.size > 1", "Protect dataset.size > 2"), 0)
    assert "P.txt:6:1: warning DL101: never matches: line 5" in page
    assert versions.in_force("P.txt").number == 1


def test_of_two_editors_the_second_is_told_and_keeps_the_text(boss: Client) -> None:
    save(boss, GOOD, 0)
    save(boss, BETTER, 1)
    page = save(boss, policy("Protect dataset.size > 77"), 1)
    assert "is the newest, saved by boss, and you edited version 1" in page
    assert "Protect dataset.size &gt; 77" in page
    assert versions.in_force("P.txt").text == BETTER


def test_a_file_that_changed_while_somebody_edited(boss: Client, settings) -> None:
    save(boss, GOOD, 0)
    (settings.POLICY_DIR / "P.txt").write_text(BETTER)
    assert "nothing was saved: P.txt has changed meanwhile: version 2 was saved by dynamo" in save(boss, policy(), 1)
    assert versions.in_force("P.txt").text == BETTER


def test_names_are_those_of_files(boss: Client) -> None:
    assert "the name of a file is expected" in save(boss, GOOD, 0, "../etc/passwd")
    assert PolicyVersion.objects.count() == 0


def test_who_may_only_look_cannot_save(boss: Client, client: Client) -> None:
    save(boss, GOOD, 0)
    row = versions.newest("P.txt")
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_policyversion"))
    client.force_login(staff)
    assert client.get(reverse(ADD)).status_code == 403
    assert client.post(reverse(ADD), {"name": "P.txt", "text": BETTER, "based_on": 1}).status_code == 403
    shown = client.get(reverse("admin:inventory_policyversion_change", args=[row.pk]))
    assert shown.status_code == 200 and "Protect dataset.size &gt; 1" in shown.content.decode()
    assert versions.in_force("P.txt").text == GOOD
