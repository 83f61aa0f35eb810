"""Cycles as operators run them: what they delete, what they leave, and what is on record."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from django.utils import timezone

from detox import history
from detox.cycle import run_cycle, try_cycle
from detox.models import Cycle, CycleState, SiteState
from fileops.models import Subscription
from inventory.changes import ChangeSet
from inventory.errors import TurnLost
from inventory.models import TunedSetting
from inventory.policy.errors import Mistake, PolicyError
from registry.models import CopyRequest, DetoxLock
from scheduler.errors import ApplicationLocked
from scheduler.models import ApplicationLock, Run
from tests.detox import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "history_dir")]


def sites_of(cycle: Cycle) -> dict[str, object]:
    return {row.site: row for row in cycle.sites.all()}


def test_a_cycle_deletes_the_oldest_until_the_site_has_room(inventory) -> None:
    store.full_site(inventory)
    cycle = run_cycle(store.parsed(), "alice", comment="first")
    owners, growing = store.owners(inventory.snapshot()), store.growing(inventory.snapshot())
    assert cycle.state == CycleState.DONE
    assert owners["/Older/A/AOD", "T2_A"] == owners["/Old/A/AOD", "T2_A"] == owners["/New/A/AOD", "T2_A"] == {"None"}
    assert owners["/Raw/A/RAW", "T2_A"] == owners["/Older/A/AOD", "T2_B"] == {"AnalysisOps"}
    assert growing == {
        ("/Older/A/AOD", "T2_A"): False, ("/Old/A/AOD", "T2_A"): False, ("/New/A/AOD", "T2_A"): False,
        ("/Raw/A/RAW", "T2_A"): True, ("/Older/A/AOD", "T2_B"): True,
    }  # fmt: skip
    deletions = store.wanted_deletions()
    assert len(deletions) == 12
    assert {site for site, _ in deletions} == {"T2_A"}
    assert all(lfn.startswith(("/store/Older", "/store/Old", "/store/New")) for _, lfn in deletions)
    assert set(Subscription.objects.values_list("cause", "author")) == {(f"detox cycle {cycle.pk}", "alice")}


def test_what_has_no_known_files_goes_at_once_with_its_replica(inventory) -> None:
    store.full_site(inventory)
    run_cycle(store.parsed(), "alice")
    assert ("/Wrong/A/AOD", "T2_B") not in store.owners(inventory.snapshot())
    assert ("/Wrong/A/AOD", "T2_B") not in store.growing(inventory.snapshot())


def test_every_site_tells_what_was_done_and_why(inventory) -> None:
    store.full_site(inventory)
    cycle = run_cycle(store.parsed(), "alice", comment="first")
    sites = sites_of(cycle)
    assert (cycle.author, cycle.comment, cycle.policy, cycle.test) == ("alice", "first", store.POLICY, False)
    assert cycle.lines == {
        "1": "Protect dataset.name == /*/*/RAW", "2": "ProtectBlock blockreplica.is_locked",
        "3": "Delete dataset.status == INVALID", "0": "Dismiss",
    }  # fmt: skip
    full, other = sites["T2_A"], sites["T2_B"]
    assert (full.triggered, full.deleted, full.protected, full.num_deleted) == (True, 6 * store.TB, 2 * store.TB, 3)
    assert (full.occupied_before, full.occupied_after, full.quota) == (8 * store.TB, 2 * store.TB, 8 * store.TB)
    assert "stopped at" in full.reason
    assert (other.triggered, other.deleted, other.kept, other.state) == (
        False,
        2 * store.TB,
        2 * store.TB,
        SiteState.COMMITTED,
    )
    assert "not triggered" in other.reason
    assert Run.objects.get(pk=cycle.run).state == "done"
    decided = {
        row[:4] for row in history.read(cycle.pk, "decisions").select("site", "dataset", "decision", "line").rows()
    }
    assert decided == {
        ("T2_A", "/Raw/A/RAW", "protected", 1), ("T2_A", "/Old/A/AOD", "deleted", 0), ("T2_A", "/Older/A/AOD", "deleted", 0),
        ("T2_A", "/New/A/AOD", "deleted", 0), ("T2_B", "/Older/A/AOD", "kept", 0), ("T2_B", "/Wrong/A/AOD", "deleted", 3),
    }  # fmt: skip


def test_a_second_cycle_finds_nothing_to_do_and_says_so(inventory) -> None:
    store.full_site(inventory)
    run_cycle(store.parsed(), "alice")
    version, deletions = inventory.snapshot().version, store.wanted_deletions()
    cycle = run_cycle(store.parsed(), "alice")
    assert {row.state for row in cycle.sites.all()} == {SiteState.IDLE}
    assert all("not triggered" in row.reason for row in cycle.sites.all())
    assert (inventory.snapshot().version, store.wanted_deletions()) == (version, deletions)


def test_a_test_run_changes_nothing(inventory) -> None:
    store.full_site(inventory)
    version = inventory.snapshot().version
    cycle = try_cycle(store.parsed(), "alice")
    assert (cycle.test, cycle.state) == (True, CycleState.DONE)
    assert sites_of(cycle)["T2_A"].deleted == 6 * store.TB
    assert {row.state for row in cycle.sites.all()} == {SiteState.IDLE}
    assert (inventory.snapshot().version, store.wanted_deletions()) == (version, [])
    assert not Run.objects.get(pk=cycle.run).writes
    following = run_cycle(store.parsed(), "alice")
    assert sites_of(following)["T2_A"].state == SiteState.COMMITTED
    assert Cycle.objects.get(pk=cycle.pk).state == CycleState.DONE


def test_a_lock_keeps_its_block(inventory) -> None:
    store.full_site(inventory)
    now = timezone.now()
    block = f"{0:08x}-0000-0000-0000-000000000000"
    DetoxLock.objects.create(item=f"/Old/A/AOD#{block}", user="bob", locked=now, expires=now + dt.timedelta(days=1))
    cycle = run_cycle(store.parsed(), "alice")
    assert store.owners(inventory.snapshot())["/Old/A/AOD", "T2_A"] == {"AnalysisOps", "None"}
    assert store.growing(inventory.snapshot())["/Old/A/AOD", "T2_A"]
    assert not any(block in lfn for _, lfn in store.wanted_deletions() if lfn.startswith("/store/Old/"))
    decisions = history.read(cycle.pk, "decisions").filter(pl.col("dataset") == "/Old/A/AOD").sort("decision")
    assert decisions.select("decision", "line", "num_blocks").rows() == [("deleted", 0, 1), ("protected", 2, 1)]


def test_an_expired_or_released_lock_keeps_nothing(inventory) -> None:
    store.full_site(inventory)
    now = timezone.now()
    DetoxLock.objects.create(item="/Old/A/AOD", user="bob", locked=now, expires=now - dt.timedelta(days=1))
    DetoxLock.objects.create(
        item="/Old/A/AOD", user="bob", locked=now, expires=now + dt.timedelta(days=1), unlocked=now
    )
    run_cycle(store.parsed(), "alice")
    assert store.owners(inventory.snapshot())["/Old/A/AOD", "T2_A"] == {"None"}


def test_a_waiting_copy_request_and_protected_sites_are_seen(inventory) -> None:
    store.full_site(inventory)
    request = CopyRequest.objects.create(
        user="carol", num_copies=1, first_asked=timezone.now(), last_asked=timezone.now()
    )
    request.items.create(item="/Old/A/AOD")
    TunedSetting.objects.create(component="detox", name="protected_sites", value=["T2_B"])
    text = store.POLICY.replace(
        "Delete ", "Protect dataset.unhandled_copy_exists\nProtect dataset.on_protected_site\nDelete ", 1
    )
    cycle = run_cycle(store.parsed(text), "alice")
    owners = store.owners(inventory.snapshot())
    assert owners["/Old/A/AOD", "T2_A"] == owners["/Older/A/AOD", "T2_A"] == {"AnalysisOps"}
    assert owners["/New/A/AOD", "T2_A"] == {"None"}
    assert sites_of(cycle)["T2_A"].protected == 6 * store.TB


def test_what_the_enforcer_holds_is_seen(inventory, settings) -> None:
    store.full_site(inventory)
    settings.DETOX_ENFORCER_PROTECTED = "tests.detox.test_cycle.held"
    text = store.POLICY.replace("Delete ", "Protect replica.enforcer_protected\nDelete ", 1)
    run_cycle(store.parsed(text), "alice")
    assert store.owners(inventory.snapshot())["/Old/A/AOD", "T2_A"] == {"AnalysisOps"}


def held(snapshot, now: int) -> pl.DataFrame:
    """Stands where dynamo_site names Dealer's function."""
    old = snapshot.row("datasets", "/Old/A/AOD")
    return snapshot.frame("dataset_replicas").filter(pl.col("dataset_id") == old["dataset_id"])


def test_without_the_enforcers_rules_nothing_is_deleted(inventory, settings) -> None:
    store.full_site(inventory)
    settings.DETOX_ENFORCER_PROTECTED = "tests.detox.test_cycle.broken_rules"
    with pytest.raises(PolicyError):
        run_cycle(store.parsed(), "alice")
    cycle = Cycle.objects.get()
    assert (cycle.state, cycle.error, cycle.sites.count()) == (CycleState.FAILED, "rules.json:1:1: no rules", 0)
    assert store.wanted_deletions() == []
    assert Run.objects.get().state == "failed"


def broken_rules(snapshot, now: int) -> pl.DataFrame:
    raise PolicyError([Mistake("rules.json", 1, 1, "no rules")])


def test_a_part_of_a_replica_changes_hands_where_its_owner_is_at_block_level(inventory) -> None:
    rows = store.dataset("/Mixed/A/AOD", 1000, sites=("T2_A",), blocks=3)
    rows["block_replicas"][1]["group"] = "DataOps"
    store.fill(inventory, rows, quota=3 * store.TB)
    text = store.POLICY.replace("Dismiss", "DeleteBlock blockreplica.owner == DataOps\nProtect")
    cycle = run_cycle(store.parsed(text), "alice")
    assert store.owners(inventory.snapshot())["/Mixed/A/AOD", "T2_A"] == {"AnalysisOps"}
    assert store.wanted_deletions() == []
    assert (sites_of(cycle)["T2_A"].num_reowned, sites_of(cycle)["T2_A"].deleted) == (1, 0)


def test_the_turn_is_honoured_while_others_look(inventory) -> None:
    store.full_site(inventory)
    run_cycle(store.parsed(), "alice")
    late = ChangeSet("mallory", token=inventory.leader_token - 1).put("groups", [{"name": "late"}])
    with pytest.raises(TurnLost):
        inventory.commit(late)


def test_an_operator_can_stop_detox(inventory) -> None:
    store.full_site(inventory)
    ApplicationLock.objects.create(application="detox", user="olga", note="maintenance")
    for run in (run_cycle, try_cycle):
        with pytest.raises(ApplicationLocked, match="olga"):
            run(store.parsed(), "alice")
    assert not Cycle.objects.exists()


def test_old_inputs_are_forgotten_and_decisions_kept(inventory) -> None:
    store.full_site(inventory)
    old = run_cycle(store.parsed(), "alice")
    Cycle.objects.filter(pk=old.pk).update(ended=timezone.now() - dt.timedelta(days=31))
    run_cycle(store.parsed(), "alice")
    assert not Cycle.objects.get(pk=old.pk).inputs_kept
    with pytest.raises(history.NotKept):
        history.read_inputs(old.pk)
    assert len(history.read(old.pk, "decisions")) == 6


def test_what_decisions_were_made_of_is_kept_exactly(inventory) -> None:
    store.full_site(inventory)
    before = inventory.snapshot()
    cycle = run_cycle(store.parsed(), "alice")
    kept, facts = history.read_inputs(cycle.pk)
    assert (kept.version, facts.protected_sites) == (before.version, ())
    for name in ("groups", "sites", "partitions", "quotas", "datasets", "blocks", "dataset_replicas", "block_replicas"):
        assert kept.frame(name).equals(before.frame(name)), name
