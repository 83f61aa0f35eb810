"""The administration pages: every list and every row opens, history cannot be changed, settings are checked."""

from __future__ import annotations

import json

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from dynamo_site import tuning
from inventory.models import PolicyVersion, TunedSetting
from registry import rights, tokens
from registry.models import UserDN
from tests.dynamo_site.conftest import Filled

pytestmark = [pytest.mark.django_db]
EDITED = {
    "User", "Group", "TunedSetting", "SiteConsistency", "ApplicationLock", "UserDN", "PeriodicTask", "IntervalSchedule",
    "CrontabSchedule", "SolarSchedule", "ClockedSchedule", "AttributeSource", "ApprovalRule", "Authorisation", "RightLimit", "Sequence",
    "TokenSubject",
}  # fmt: skip
"""All others are only looked at."""


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def _address(model: type[Model], page: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def _models() -> list[type[Model]]:
    return list(admin.site._registry)


def _lists(client: Client, status: int) -> None:
    """Open all lists, with a search where there is one."""
    for model in _models():
        wanted = {"q": "T2"} if admin.site._registry[model].search_fields else {}
        shown = client.get(_address(model, "changelist"), wanted)
        assert shown.status_code == status, (model, shown.content[:200])


def _rows(client: Client, status: int) -> int:
    """Open a row of each model; returns how many there were."""
    rows = [row for model in _models() if (row := model._default_manager.first())]
    for row in rows:
        assert client.get(_address(type(row), "change", row.pk)).status_code == status, row
    return len(rows)


def _more_rows(inventory: object) -> None:
    inventory.follow()
    interval = IntervalSchedule.objects.create(every=1, period="hours")
    PeriodicTask.objects.create(name="x", task="detox.cycle", interval=interval)
    user = User.objects.create_user("ann")
    tokens.create(user)
    UserDN.objects.create(user=user, dn="/CN=ann")
    TunedSetting.objects.create(component="detox", name="wait", value=5.0)


@pytest.mark.slow
def test_every_list_opens_for_an_administrator(boss: Client, filled: Filled, inventory) -> None:
    _more_rows(inventory)
    assert boss.get(reverse("admin:index")).status_code == 200
    _lists(boss, 200)


@pytest.mark.slow
def test_staff_see_what_they_may_see(client: Client, filled: Filled, inventory) -> None:
    _more_rows(inventory)
    plain = User.objects.create_user("staff", is_staff=True)
    client.force_login(plain)
    index = client.get(reverse("admin:index"))
    assert index.status_code == 200 and "/admin/registry/" not in index.content.decode()
    _lists(client, 403)
    plain.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(User.objects.get(pk=plain.pk))
    assert _rows(client, 200) > 25


def test_who_may_change_users_becomes_no_more_by_that(client: Client) -> None:
    helper = User.objects.create_user("helper", is_staff=True)
    names = ("user", "group", "userdn", "tokensubject", "rightlimit")
    helper.user_permissions.set(
        Permission.objects.filter(
            codename__in=[f"{what}_{name}" for what in ("add", "change", "delete", "view") for name in names]
        )
    )
    client.force_login(User.objects.get(pk=helper.pk))
    boss, plain = User.objects.create_superuser("boss"), User.objects.create_user("ann")
    fields = {
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        "is_active": "on",
        "is_superuser": "on",
        "is_staff": "on",
    }
    for user in (helper, plain):
        client.post(_address(User, "change", user.pk), {"username": user.username, "first_name": "Changed", **fields})
        user.refresh_from_db()
        assert (user.first_name, user.is_superuser) == ("Changed", False)
    assert not plain.is_staff
    assert client.post(_address(User, "change", boss.pk), {"username": "boss", **fields}).status_code == 403
    assert client.post(f"/admin/auth/user/{boss.pk}/password/", {}).status_code == 403
    assert client.post(_address(User, "delete", boss.pk), {"post": "yes"}).status_code == 403
    assert client.get(f"/admin/auth/user/{plain.pk}/password/").status_code == 200
    rights.grant(plain, "admin", "registry")
    assert client.get(f"/admin/auth/user/{plain.pk}/password/").status_code == 403
    for address, values in (("registry/userdn", {"user": boss.pk, "dn": "/CN=Helper"}), ("auth/group", {"name": "x"})):
        assert client.post(f"/admin/{address}/add/", values).status_code == 403


@pytest.mark.slow
def test_history_and_inventory_are_only_looked_at(boss: Client, filled: Filled, inventory) -> None:
    _more_rows(inventory)
    for model in _models():
        if model._meta.app_label in ("account", "mfa", "socialaccount"):
            continue  # the login's own
        if (model.__name__ in EDITED and model._meta.app_label != "inventory") or model is TunedSetting:
            assert boss.get(_address(model, "add")).status_code == 200, model
            continue
        # A version of a policy is added, and never changed.
        assert boss.get(_address(model, "add")).status_code == (200 if model is PolicyVersion else 403), model
        if row := model._default_manager.first():
            shown = boss.get(_address(model, "change", row.pk))
            page = shown.content.decode()
            assert shown.status_code == 200 and 'name="_save"' not in page and "deletelink" not in page, model
            assert boss.post(_address(model, "change", row.pk), {}).status_code == 403, model
            assert boss.post(_address(model, "delete", row.pk), {"post": "yes"}).status_code == 403, model


@pytest.mark.slow
def test_cycles_requests_and_runs_lead_to_their_pages(boss: Client, filled: Filled) -> None:
    for address, page in {
        f"/admin/detox/cycle/{filled.deleting}/change/": f"/detox/{filled.deleting}/",
        f"/admin/dealer/cycle/{filled.dealer}/change/": f"/dealer/{filled.dealer}/",
        f"/admin/registry/copyrequest/{filled.request}/change/": f"/requests/{filled.request}/",
        f"/admin/scheduler/run/{filled.run}/change/": f"/runs/{filled.run}/",
    }.items():
        assert f'href="{page}"' in boss.get(address).content.decode()


def test_log_records_are_shown_without_their_content(boss: Client, inventory) -> None:
    inventory.put(sites=[{"name": "T2_A"}])
    from inventory.models import UpdateRecord

    page = boss.get(_address(UpdateRecord, "change", UpdateRecord.objects.first().pk)).content.decode()
    assert "tester" in page and "memory at" not in page and "b'" not in page and "b&#x27;" not in page


def _tune(client: Client, setting: str, value: str, pk: int | None = None) -> str:
    address = _address(TunedSetting, "change", pk) if pk else _address(TunedSetting, "add")
    answer = client.post(address, {"setting": setting, "value": value})
    return "" if answer.status_code == 302 else answer.content.decode()


def test_a_setting_is_chosen_from_those_there_are_and_notes_who_changed_it(boss: Client) -> None:
    form = boss.get(_address(TunedSetting, "add")).content.decode()
    assert "detox.deletion_per_iteration" in form and "late_after: hours without a cycle" in form
    assert _tune(boss, "detox.wait", "60") == ""
    row = TunedSetting.objects.get()
    assert (row.component, row.name, row.value, row.changed_by) == ("detox", "wait", 60, "boss")
    assert _tune(boss, "detox.wait", "70", row.pk) == ""
    row.refresh_from_db()
    assert row.value == 70
    assert "3600.0" in boss.get(_address(TunedSetting, "changelist")).content.decode()


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("detox.wait", '"long"', "is not of type"),
        ("detox.deletion_per_iteration", "2", "is not a part of the quota"),
        ("dealer.target_sites", '[""]', "an empty glob matches nothing"),
        ("consistency.directories", '["/store/../x"]', "directories"),
        ("detox.moon", "1", "Select a valid choice"),
        ("detox.wait", "{", "valid JSON"),
    ],
)
def test_what_a_component_would_not_take_is_refused(boss: Client, setting: str, value: str, words: str) -> None:
    assert words in _tune(boss, setting, value)
    assert not TunedSetting.objects.exists()


def test_a_setting_is_tuned_once(boss: Client) -> None:
    assert _tune(boss, "detox.wait", "60") == ""
    assert "tuned already" in _tune(boss, "detox.wait", "70")


def test_every_component_with_settings_can_be_tuned() -> None:
    for component in tuning.DECLARATIONS:
        assert tuning.description(component) and any(key[0] == component for key in tuning.known())
        for (owner, name), setting in tuning.known().items():
            if owner == component:
                tuning.check(component, name, json.loads(setting.default), {})
    with pytest.raises(ValueError, match="no such setting"):
        tuning.check("detox", "moon", 1, {})


def test_the_menu_shows_the_environment_and_only_pages_that_one_may_see(client: Client, settings) -> None:
    settings.ENVIRONMENT_NAME = "Integration"
    client.force_login(User.objects.create_user("staff", is_staff=True))
    page = client.get(reverse("admin:index")).content.decode()
    assert "Integration" in page and "Copy requests" not in page
