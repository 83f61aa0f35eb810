"""The worker's tasks, the policy files, the settings and the admin pages of Detox."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from detox.cycle import try_cycle
from detox.models import Cycle, CycleState
from detox.monitor import watermarks
from detox.policies import PolicyUnreadable, load_policy
from detox.settings import DetoxSettings, SettingsError
from detox.tasks import SCHEDULES, cycle, start_cycles
from inventory.models import TunedSetting
from inventory.policy.errors import PolicyError
from tests.detox import store

pytestmark = pytest.mark.django_db


@pytest.fixture
def policy_dir(settings, tmp_path):
    settings.POLICY_DIR = tmp_path
    (tmp_path / "Physics.txt").write_text(store.POLICY)
    return tmp_path


@pytest.mark.usefixtures("empty_redis", "history_dir")
def test_the_scheduled_task_runs_a_cycle_in_its_own_name(inventory, policy_dir) -> None:
    store.full_site(inventory)
    cycle.run("Physics.txt")
    found = Cycle.objects.get()
    assert (found.author, found.state, found.policy_file) == (
        "dynamo",
        CycleState.DONE,
        str(policy_dir / "Physics.txt"),
    )
    assert len(store.wanted_deletions()) == 12


def test_the_policies_of_the_settings_are_queued_in_turn(monkeypatch) -> None:
    TunedSetting.objects.create(component="detox", name="policies", value=["Physics.txt", "RelVal.txt"])
    queued: list[str] = []
    monkeypatch.setattr(cycle, "delay", queued.append)
    start_cycles.run()
    assert queued == ["Physics.txt", "RelVal.txt"]
    assert [schedule.task for schedule in SCHEDULES] == [start_cycles.name]


def test_policies_are_found_by_name_or_path(policy_dir) -> None:
    assert load_policy("Physics").partition == load_policy(str(policy_dir / "Physics.txt")).partition == "Physics"
    with pytest.raises(PolicyUnreadable, match="has Physics"):
        load_policy("Moon")
    (policy_dir / "bad.txt").write_bytes(b"\xff")
    with pytest.raises(PolicyUnreadable, match="UTF-8"):
        load_policy("bad")
    (policy_dir / "worse.txt").write_text("Protct")
    with pytest.raises(PolicyError):
        load_policy("worse")


@pytest.mark.parametrize(("name", "value"), [
    ("deletion_per_iteration", 0.0), ("deletion_per_iteration", 1.5), ("deletion_per_iteration", float("nan")),
    ("wait", -1.0), ("keep_inputs", float("nan")), ("policies", ("../secret",)), ("policies", (".hidden",)),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name):
        DetoxSettings(**{name: value})


@pytest.mark.parametrize(("text", "marks"), [
    (store.POLICY, (0.9, 0.5)), (store.POLICY.replace("site.occupancy > 0.9", "never"), (None, 0.5)),
    (store.POLICY.replace("Until site.occupancy < 0.5", "Until site.status == READY and site.occupancy < 0.4"), (0.9, 0.4)),
    ("Protect plugin.gone", (None, None)),
])  # fmt: skip
def test_watermarks_are_read_from_the_policy(text: str, marks: tuple[float | None, float | None]) -> None:
    assert watermarks(text) == marks


@pytest.mark.usefixtures("empty_redis", "history_dir")
def test_the_admin_shows_history_and_changes_none(inventory, policy_dir, client) -> None:
    store.full_site(inventory)
    cycle.run("Physics.txt")
    client.force_login(User.objects.create_superuser("root"))
    for model in ("cycle", "cyclesite"):
        assert client.get(f"/admin/detox/{model}/").status_code == 200
        assert client.get(f"/admin/detox/{model}/add/").status_code == 403
    found = Cycle.objects.get()
    assert client.get(f"/admin/detox/cycle/{found.pk}/change/").status_code == 200
    client.post(f"/admin/detox/cycle/{found.pk}/change/", {"partition": "Moon"})
    client.post(f"/admin/detox/cycle/{found.pk}/delete/", {"post": "yes"})
    assert Cycle.objects.get().partition == "Physics"
    assert client.get("/data/detox/summary").json()["data"]["cycle"] == found.pk


@pytest.mark.usefixtures("empty_redis", "history_dir")
def test_a_cycle_records_the_text_that_it_follows_and_why_no_newer_one(inventory, policy_dir) -> None:
    store.full_site(inventory)
    text = (policy_dir / "Physics.txt").read_text()
    good = try_cycle(load_policy("Physics", record=True), "alice")
    (policy_dir / "Physics.txt").write_text(text.replace("Protect", "Protct"))
    stayed = try_cycle(load_policy("Physics", record=True), "alice")
    assert (good.policy, good.policy_version, good.policy_note) == (text, 1, "")
    assert (stayed.policy, stayed.policy_version, stayed.policy_digest) == (text, 1, good.policy_digest)
    assert "is not followed: " in stayed.policy_note and "'Protct' is no action" in stayed.policy_note
    (policy_dir / "Physics.txt").unlink()
    assert "there is no such file" in try_cycle(load_policy("Physics", record=True), "alice").policy_note
    (policy_dir / "Physics.txt").write_text(text + "# new\n")
    newer = try_cycle(load_policy("Physics", record=True), "alice")
    assert (newer.policy_version, newer.policy_note) == (2, "")
