"""A cycle that dies at any write finishes exactly once in the next run; nothing is lost, nothing is done twice."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from detox import history
from detox.cycle import run_cycle
from detox.models import Cycle, CycleSite, CycleState, SiteState
from fileops.models import Subscription
from inventory import client, log
from inventory.changes import ChangeSet
from inventory.leader import Leader
from inventory.recovery import recovered
from tests.detox import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis", "history_dir")]
_WRITE = re.compile(r"\s*(insert|update|delete)", re.IGNORECASE)


class Killed(BaseException):
    """What a dying process does: nothing after this line happens."""


class Writes:
    """Counts the writes of a database connection and dies before the one whose number is ``fatal``."""

    def __init__(self, fatal: int | None = None) -> None:
        self.number, self.fatal, self.dead = 0, fatal, False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if _WRITE.match(sql):
            if self.dead or self.number == self.fatal:
                self.dead = True
                raise Killed
            self.number += 1
        return execute(sql, params, many, context)


@contextmanager
def dying_at(fatal: int | None) -> Iterator[Writes]:
    """Everything that the dead process would still write, such as that it failed, is not written either."""
    writes = Writes(fatal)
    with connection.execute_wrapper(writes):
        yield writes


def fixpoint(inventory: Any) -> dict[str, Any]:
    """All that must come out the same however often the cycle was killed."""
    snapshot = inventory.snapshot()
    return {
        "owners": store.owners(snapshot), "growing": store.growing(snapshot), "deletions": store.wanted_deletions(),
        "subscriptions": Subscription.objects.count(),
    }  # fmt: skip


class Undo(Exception):
    """Rolls back what a trial did, so that the next one begins where it began."""


@contextmanager
def trial() -> Iterator[None]:
    """A piece of the test that leaves no trace in the database."""
    with suppress(Undo), transaction.atomic():
        yield
        raise Undo


@contextmanager
def new_leader() -> Iterator[None]:
    """A leader that knows only what is in the database, as after a restart."""
    row = log.take_lead()
    image, _ = recovered(row.head)
    with client.using(Leader(row.epoch, image, row.next_ids)):
        yield


def outcome() -> dict[str, Any]:
    """All that must come out the same however the cycle was killed."""
    snapshot = client.snapshot()
    return {
        "owners": store.owners(snapshot), "growing": store.growing(snapshot), "deletions": store.wanted_deletions(),
        "subscriptions": Subscription.objects.count(),
    }  # fmt: skip


def undisturbed() -> tuple[dict[str, Any], int]:
    """The outcome without trouble, and the number of writes that it takes."""
    with trial(), new_leader(), dying_at(None) as writes:
        run_cycle(store.parsed(), "alice")
        found = outcome()
    return found, writes.number


def killed_and_run_again(fatal: int) -> dict[str, Any]:
    """The outcome of a cycle that dies before that write and of the next one."""
    with trial():
        with new_leader(), pytest.raises(Killed), dying_at(fatal):
            run_cycle(store.parsed(), "alice")
        with new_leader():
            run_cycle(store.parsed(), "bob")
            found = outcome()
        unfinished = Cycle.objects.exclude(state__in=[CycleState.DONE, CycleState.FAILED])
        assert not unfinished.exists(), f"after dying at write {fatal}"
        recorded = CycleSite.objects.filter(state__in=[SiteState.PLANNED, SiteState.RECORDED])
        assert not recorded.exists(), f"after dying at write {fatal}"
    return found


@pytest.mark.slow
def test_dying_at_any_write_finishes_exactly_once(inventory) -> None:
    store.full_site(inventory)
    wanted, total = undisturbed()
    assert total > 20
    assert len(wanted["deletions"]) == wanted["subscriptions"] == 12
    for fatal in range(total):
        assert killed_and_run_again(fatal) == wanted, f"after dying at write {fatal} of {total}"


def test_what_was_recorded_is_finished_from_the_record(inventory, monkeypatch) -> None:
    store.full_site(inventory)
    die_before_the_first_commit(monkeypatch)
    cycle = Cycle.objects.get()
    assert {row.site: row.state for row in cycle.sites.all()} == {"T2_A": SiteState.RECORDED, "T2_B": SiteState.PLANNED}
    assert len(store.wanted_deletions()) == 12
    assert store.owners(inventory.snapshot())["/Old/A/AOD", "T2_A"] == {"AnalysisOps"}

    never = store.parsed(store.POLICY.replace("When site.occupancy > 0.9", "When never").replace("Delete ", "Protect "))
    following = run_cycle(never, "bob")
    cycle.refresh_from_db()
    assert cycle.state == CycleState.DONE
    assert {row.site: row.state for row in cycle.sites.all()} == {
        "T2_A": SiteState.COMMITTED,
        "T2_B": SiteState.DROPPED,
    }
    assert "interrupted" in cycle.sites.get(site="T2_B").reason
    assert store.owners(inventory.snapshot())["/Old/A/AOD", "T2_A"] == {"None"}
    assert ("/Wrong/A/AOD", "T2_B") in store.owners(inventory.snapshot())
    assert (following.state, len(store.wanted_deletions())) == (CycleState.DONE, 12)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:100])])
def test_a_record_that_is_lost_or_damaged_does_not_stop_the_cycles_after_it(inventory, monkeypatch, damage) -> None:
    store.full_site(inventory)
    die_before_the_first_commit(monkeypatch)
    cycle = Cycle.objects.get()
    damage(history.directory_of(cycle.pk) / "plan.parquet")
    following = run_cycle(store.parsed(), "bob")
    cycle.refresh_from_db()
    assert cycle.state == CycleState.FAILED and "cannot be finished" in cycle.error
    refused = cycle.sites.get(site="T2_A")
    assert refused.state == SiteState.REFUSED and "plan" in refused.reason
    assert following.state == CycleState.DONE
    assert store.owners(inventory.snapshot())["/Old/A/AOD", "T2_A"] == {"None"}


def die_before_the_first_commit(monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("scheduler.runs.WriterRun.commit", dying)
        with pytest.raises(Killed):
            run_cycle(store.parsed(), "alice")


def dying(run: object, changes: object) -> None:
    raise Killed


def test_finishing_late_leaves_alone_what_others_own_by_then(inventory, monkeypatch) -> None:
    store.full_site(inventory)
    die_before_the_first_commit(monkeypatch)
    snapshot = inventory.snapshot()
    block = snapshot.named("block_replicas").filter(dataset="/Old/A/AOD").select("block").collect()["block"][0]
    inventory.put(block_replicas=[{"dataset": "/Old/A/AOD", "block": block, "site": "T2_A", "group": "DataOps"}])
    late = ChangeSet("tester", token=inventory.leader_token).delete(
        "dataset_replicas", [{"dataset": "/Older/A/AOD", "site": "T2_A"}]
    )
    inventory.commit(late)
    run_cycle(store.parsed(store.POLICY.replace("When site.occupancy > 0.9", "When never")), "bob")
    owners = store.owners(inventory.snapshot())
    assert owners["/Old/A/AOD", "T2_A"] == {"DataOps", "None"}
    assert ("/Older/A/AOD", "T2_A") not in owners
    assert ("/Older/A/AOD", "T2_A") not in store.growing(inventory.snapshot())


def test_a_change_that_the_inventory_refuses_blocks_no_later_cycle(inventory, monkeypatch) -> None:
    store.full_site(inventory)
    with monkeypatch.context() as patch:
        patch.setattr("detox.carry_out.changes_at_site", refusable)
        cycle = run_cycle(store.parsed(), "alice")
    assert cycle.state == CycleState.DONE
    site = cycle.sites.get(site="T2_A")
    assert site.state == SiteState.REFUSED
    assert "not told to the inventory" in site.reason
    assert {row.state for row in run_cycle(store.parsed(), "alice").sites.all()} == {SiteState.COMMITTED}


def refusable(changes: ChangeSet, plan: object, bare: object) -> ChangeSet:
    return changes.put("quotas", [{"site": "T2_A", "partition": "Physics", "quota": 1}])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_process_killed_with_a_vengeance(inventory, child_environment, history_dir, monkeypatch) -> None:
    store.full_site(inventory)
    monkeypatch.setenv("DYNAMO_SCHEDULER_LEASE", "2")
    environment = child_environment(DYNAMO_SCHEDULER_LEASE="2")
    command = [sys.executable, "-m", "tests.detox.dying", "13", str(history_dir)]
    child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert Cycle.objects.get().state == CycleState.COMMITTING
    assert Cycle.objects.get().sites.get(site="T2_A").state == SiteState.RECORDED
    with new_leader():
        assert run_cycle(store.parsed(), "bob", wait=30).state == CycleState.DONE
        found = outcome()
    assert found["owners"]["/Old/A/AOD", "T2_A"] == {"None"}
    assert (len(found["deletions"]), found["subscriptions"]) == (12, 12)
    assert not Cycle.objects.exclude(state__in=[CycleState.DONE, CycleState.FAILED]).exists()
