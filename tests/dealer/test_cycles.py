"""Whole cycles over an inventory, the registry and file operations: what an operator and a user see."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from dealer import history, monitor
from dealer.cycle import Options, repeated, run_cycle, try_cycle
from dealer.models import Cycle, CycleAnswer, CycleSite
from dealer.proposals import WITHDRAWN
from dealer.tasks import SCHEDULES
from dealer.tasks import cycle as scheduled
from fileops.models import Subscription
from fileops.subscriptions import FILES, subscribe_deletions
from inventory.models import TunedSetting
from registry.models import CopyRequest
from registry.tracker import track
from scheduler.models import Run
from tests.dealer.conftest import Asking
from tests.dealer.makers import PARTITION, World, lfn
from tests.inventory.fixtures import TestInventory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]

A, B = "/A/x-v1/RAW", "/B/x-v1/RAW"
OPTIONS = Options("alice", wait=0)


@pytest.fixture
def world(inventory: TestInventory) -> World:
    """A (two blocks) and B at T1_A; T2_B and T2_C are empty; committed."""
    made = World().site("T1_A").site("T2_B").site("T2_C").dataset(A, blocks=2).dataset(B)
    made.replica(A, "T1_A").replica(B, "T1_A")
    inventory.commit(made.changes())
    return made


def replicas(inventory: TestInventory, site: str) -> dict[str, tuple[str, bool]]:
    """Group and completeness of block replicas at ``site``, by dataset#block."""
    rows = inventory.snapshot().named("block_replicas").collect().filter(site=site)
    return {f"{row['dataset']}#{row['block']}": (row["group"], row["complete"]) for row in rows.to_dicts()}


def subscribed() -> set[tuple[str, str, str, str]]:
    return set(Subscription.objects.filter(open_key__isnull=False).values_list("site", "lfn", "operation", "cause"))


def test_a_request_becomes_replicas_and_subscriptions(inventory: TestInventory, world: World, ask: Asking) -> None:
    request = ask([A], ["T2_B"], group="DataOps")
    cycle = run_cycle(PARTITION, OPTIONS)
    assert (cycle.state, cycle.num_placed, cycle.volume) == ("done", 1, 2 * 10**12)
    assert replicas(inventory, "T2_B") == {f"{A}#b1": ("DataOps", False), f"{A}#b2": ("DataOps", False)}
    (row,) = inventory.snapshot().named("dataset_replicas").collect().filter(site="T2_B").to_dicts()
    assert (row["growing"], row["group"]) == (True, "DataOps")
    cause = f"request {request.pk}"
    assert subscribed() == {("T2_B", lfn(A, block, n), "copy", cause) for block in ("b1", "b2") for n in (0, 1)}
    request.refresh_from_db()
    assert request.status == "activated"
    assert list(request.actions.values_list("item", "site", "status")) == [(A, "T2_B", "queued")]
    assert set(CycleSite.objects.values_list("site", "state")) == {
        ("T1_A", "idle"), ("T2_B", "committed"), ("T2_C", "idle"),
    }  # fmt: skip


def test_a_request_is_completed_once_the_copy_is_there(inventory: TestInventory, world: World, ask: Asking) -> None:
    request = ask([A], ["T2_B"])
    run_cycle(PARTITION, OPTIONS)
    arrived = [{"dataset": A, "site": "T2_B", "block": block, "complete": True} for block in ("b1", "b2")]
    inventory.put(block_replicas=arrived)
    track(inventory.snapshot())
    request.refresh_from_db()
    assert request.status == "completed"
    again = ask([A], ["T2_B"])
    run_cycle(PARTITION, OPTIONS)
    again.refresh_from_db()
    assert (again.status, again.actions.count()) == ("completed", 0)


def test_a_request_over_several_sites_is_activated_with_all(
    inventory: TestInventory, world: World, ask: Asking
) -> None:
    request = ask([A, f"{B}#b1"], ["T2_B", "T2_C"], copies=0)
    run_cycle(PARTITION, OPTIONS)
    assert set(request.actions.values_list("item", "site", "status")) == {
        (item, site, "queued") for item in (A, B) for site in ("T2_B", "T2_C")
    }
    assert Subscription.objects.count() == 12


def test_what_cannot_be_placed_waits_and_says_why(inventory: TestInventory, world: World, ask: Asking) -> None:
    inventory.put(sites=[{"name": "T2_B", "status": "WAITROOM"}])
    request = ask([A], ["T2_B"])
    cycle = run_cycle(PARTITION, OPTIONS)
    request.refresh_from_db()
    assert (request.status, request.reason) == ("new", f"Waits: Not a target site (status WAITROOM): {A}")
    assert cycle.refusals == {"requests": {"Not a target site": 1}}
    inventory.put(sites=[{"name": "T2_B", "status": "READY"}])
    run_cycle(PARTITION, OPTIONS)
    request.refresh_from_db()
    assert (request.status, request.reason) == ("activated", "")


def test_what_can_never_be_done_is_rejected(inventory: TestInventory, world: World, ask: Asking) -> None:
    request = ask([A], ["T9_X"])
    run_cycle(PARTITION, OPTIONS)
    request.refresh_from_db()
    assert (request.status, request.reason) == ("rejected", "No target site left (T9_X: no such site)")


def test_a_test_run_changes_nothing(inventory: TestInventory, world: World, ask: Asking) -> None:
    request = ask([A], ["T2_B"])
    before = inventory.snapshot().version
    cycle = try_cycle(PARTITION, OPTIONS)
    assert (cycle.test, cycle.state, cycle.num_placed) == (True, "done", 1)
    assert inventory.snapshot().version == before
    assert not Subscription.objects.exists() and not CycleAnswer.objects.exists()
    request.refresh_from_db()
    assert (request.status, request.reason) == ("new", "")
    assert Run.objects.get().writes is False
    assert set(CycleSite.objects.values_list("state", flat=True)) == {"idle"}


def test_the_recorded_seed_makes_the_same_decisions_again(inventory: TestInventory, world: World, ask: Asking) -> None:
    for _ in range(2):
        ask([A], ["T2_B", "T2_C"])
        ask([f"{B}#b1"], ["T2_B", "T2_C"])
    before = inventory.snapshot()
    cycle = run_cycle(PARTITION, OPTIONS)
    again = repeated(Cycle.objects.get(pk=cycle.pk), before)
    for name in history.FRAMES:
        assert getattr(again, name).equals(history.read(cycle.pk, name)), name
    assert try_cycle(PARTITION, Options("alice", seed=cycle.seed)).seed == cycle.seed


def test_a_request_withdrawn_while_the_cycle_decides_leaves_nothing(
    inventory: TestInventory, world: World, ask: Asking
) -> None:
    request, other = ask([A], ["T2_B"]), ask([B], ["T2_B"])
    steps = iter([lambda sql: "registry_requestsite" in sql, lambda sql: sql.startswith("SAVEPOINT"), lambda _: False])
    waiting = [next(steps)]

    def withdraw(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        """Withdraws after the cycle has read the requests, before it writes down its decisions."""
        if waiting[0](sql):
            waiting[0] = next(steps)
            if sql.startswith("SAVEPOINT"):
                CopyRequest.objects.filter(pk=request.pk).update(status="cancelled")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(withdraw):
        cycle = run_cycle(PARTITION, OPTIONS)
    assert set(replicas(inventory, "T2_B")) == {f"{B}#b1"}
    assert CycleAnswer.objects.get(number=request.pk).moot
    assert cycle.refusals == {"requests": {WITHDRAWN: 1}}
    assert cycle.volume == 10**12
    other.refresh_from_db()
    assert other.status == "activated"


def test_a_copy_that_is_being_deleted_is_kept_when_taken_over(
    inventory: TestInventory, world: World, ask: Asking
) -> None:
    inventory.commit(World().site("T2_B").dataset(A, blocks=2).replica(A, "T2_B", group="None").changes())
    doomed = [{"dataset": A, "block": "b1", "lfn": lfn(A, "b1", 0), "site": "T2_B", "size": 1, "adler32": None}]

    with transaction.atomic():
        subscribe_deletions(pl.DataFrame(doomed, schema=FILES), "detox")
    ask([A], ["T2_B"])
    run_cycle(PARTITION, OPTIONS)
    assert replicas(inventory, "T2_B") == {f"{A}#b1": ("AnalysisOps", True), f"{A}#b2": ("AnalysisOps", True)}
    assert [row[:3] for row in subscribed()] == [("T2_B", lfn(A, "b1", 0), "copy")]


def rule_file(directory: Path, **more: object) -> None:
    rule = {
        "replicas": ["blockreplica.owner == RelVal"], "num_copies": 1, "destinations": ["site.name == T2_C"],
        "sources": ["site.name == T1_A"], **more,
    }  # fmt: skip
    document = {"partition": "RelVal", "default_destination_group": "RelVal", "rules": {"keep": rule}}
    (directory / "enforcer_relval.json").write_text(json.dumps(document))


def test_rules_are_kept_in_the_cycle_of_their_partition(
    inventory: TestInventory, world: World, directories: Path
) -> None:
    rule_file(directories)
    inventory.put(dataset_replicas=[{"dataset": B, "site": "T1_A", "group": "RelVal"}])
    inventory.put(block_replicas=[{"dataset": B, "block": "b1", "site": "T1_A", "group": "RelVal"}])
    assert run_cycle(PARTITION, OPTIONS).num_proposals == 0
    assert run_cycle("RelVal", OPTIONS).num_placed == 1
    assert replicas(inventory, "T2_C") == {f"{B}#b1": ("RelVal", False)}
    assert {row[3] for row in subscribed()} == {"enforcer rule keep"}
    assert run_cycle("RelVal", OPTIONS).num_proposals == 0


def test_a_broken_rule_file_is_told_and_does_not_stop_requests(
    inventory: TestInventory, world: World, ask: Asking, directories: Path
) -> None:
    rule_file(directories, num_copies="one")
    request = ask([A], ["T2_B"])
    cycle = run_cycle(PARTITION, OPTIONS)
    assert cycle.error == "without enforcer: enforcer_relval.json: rules.keep.num_copies: a number is expected"
    request.refresh_from_db()
    assert request.status == "activated"


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("dealer", *arguments, stdout=out)
    return out.getvalue()


def test_an_operator_runs_looks_and_asks_why(inventory: TestInventory, world: World, ask: Asking) -> None:
    request = ask([A], ["T2_B", "T2_C"])
    shown = command("run", PARTITION, "--author", "alice", "--seed", "3", "--comment", "by hand")
    assert "1 of 1 proposals placed, 2 TB" in shown
    assert "seed 3" in shown
    cycle = Cycle.objects.get()
    assert command("cycles").split()[0] == str(cycle.pk)
    assert command("show", "latest") == command("show", str(cycle.pk))
    told = command("explain", str(cycle.pk), A)
    assert "T1_A                     not among the proposal's sites" in told
    assert "chosen, with a chance of 50.0%" in told
    assert told.splitlines()[1:] == command("explain", "latest", str(request.pk)).splitlines()[1:]
    assert command("explain", "latest", f"{A}#b1")
    story = json.loads(command("explain", "latest", A, "--json"))
    assert {site["verdict"] for site in story["proposals"][0]["considered"]} >= {"chosen"}
    assert json.loads(command("show", "latest", "--json"))["comment"] == "by hand"
    assert [row["cycle"] for row in json.loads(command("cycles", "--json", "--partition", PARTITION))] == [cycle.pk]
    assert len(json.loads(command("show", "latest", "--list", "copies", "--json"))) == 2
    assert command("show", "latest", "--list", "proposals").count("\n") >= 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("run", "Nowhere"), "no partition 'Nowhere'"), (("show", "7"), "no cycle 7"), (("show", "x"), "no cycle x"),
        (("run", PARTITION, "--seed", "-1"), "--seed -1"),
    ],
)  # fmt: skip
def test_mistakes_of_operators_are_one_clear_line(
    arguments: tuple[str, ...], text: str, inventory: TestInventory, world: World
) -> None:
    with pytest.raises(CommandError, match=text):
        command(*arguments)


def test_a_cycle_that_fails_to_decide_says_why(inventory: TestInventory, world: World) -> None:
    TunedSetting.objects.create(component="dealer", name="placement_rules", value=["site.nam == x"])
    with pytest.raises(CommandError, match=r"unknown variable site\.nam"):
        command("run", PARTITION)
    cycle = Cycle.objects.get()
    assert cycle.state == "failed" and "unknown variable site.nam" in cycle.error


def test_nothing_known_of_an_item(inventory: TestInventory, world: World) -> None:
    command("run", PARTITION, "--test")
    with pytest.raises(CommandError, match=f"says nothing of {B}"):
        command("explain", "latest", B)


def test_the_schedule_serves_the_partitions_of_the_settings(inventory: TestInventory, world: World) -> None:
    TunedSetting.objects.create(component="dealer", name="partitions", value=[PARTITION, "RelVal"])
    assert len(scheduled()) == 2
    assert list(Cycle.objects.order_by("id").values_list("partition", flat=True)) == [PARTITION, "RelVal"]
    assert [schedule.task for schedule in SCHEDULES] == [scheduled.name]


def test_the_monitor_shows_volumes_and_progress(inventory: TestInventory, world: World, ask: Asking) -> None:
    ask([A], ["T2_B"])
    cycle = run_cycle(PARTITION, OPTIONS)
    wanted = {"plugin": "requests", "site": "T2_B", "volume": 2 * 10**12, "blocks": 2, "owners": 0}
    assert monitor.volumes([cycle.pk]) == [wanted]
    inventory.put(block_replicas=[{"dataset": A, "site": "T2_B", "block": "b1", "complete": True}])
    (progress,) = monitor.progress(cycle.pk, inventory.snapshot())
    assert (progress["wanted"], progress["present"], progress["complete"], progress["gone"]) == (
        2 * 10**12,
        10**12,
        1,
        0,
    )
    assert [row["cycle"] for row in monitor.cycles(PARTITION)] == [cycle.pk]
    assert monitor.volumes([]) == []


def test_an_empty_inventory_is_no_error(inventory: TestInventory) -> None:
    inventory.commit(World().changes())
    assert run_cycle(PARTITION, OPTIONS).state == "done"
