"""A cycle is killed at any write: the next one finishes it, and everything is done exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from dealer import history
from dealer.cycle import Options, run_cycle
from dealer.models import Cycle, CycleSite
from fileops.models import Subscription
from inventory import client, log
from inventory.leader import Leader
from inventory.log_models import UpdateRecord
from inventory.recovery import recovered
from registry.models import CopyRequest
from tests.dealer.conftest import Asking
from tests.dealer.makers import PARTITION, World, lfn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]

A, B = "/A/x-v1/RAW", "/B/x-v1/RAW"
OPTIONS = Options("alice", wait=20)
_WRITES = ("INSERT", "UPDATE", "DELETE")


class Killed(BaseException):
    """The process is gone."""


class Death:
    """Lets so many writes pass; then nothing of this process reaches the database any more."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.writes = 0
        self.dead = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(_WRITES):
            self.writes += 1
            self.dead |= self.writes > self.left
        # A dead process' transactions are rolled back by the database; in the tests' outer one, by these statements.
        if self.dead and not sql.startswith(("ROLLBACK", "RELEASE")):
            raise Killed
        return execute(sql, params, many, context)


@contextmanager
def new_world() -> Iterator[World]:
    """An inventory with A (two blocks) and B at T1_A, led by this process; all is undone at the end."""
    with transaction.atomic():
        made = World().site("T1_A").site("T2_B").site("T2_C").dataset(A, blocks=2).dataset(B)
        made.replica(A, "T1_A").replica(B, "T1_A")
        with leading():
            client.commit(made.changes(token=log.leadership().token))
        yield made
        transaction.set_rollback(True)


@contextmanager
def leading() -> Iterator[None]:
    """A new leader in this process, recovered from the log."""
    row = log.take_lead()
    image, _ = recovered(row.head)
    with client.using(Leader(row.epoch, image, row.next_ids)):
        yield


def asked(ask: Asking) -> list[CopyRequest]:
    return [ask([A], ["T2_B", "T2_C"], copies=0), ask([f"{B}#b1"], ["T2_C"]), ask(["/No/such/RAW"], ["T2_B"])]


def outcome(requests: list[CopyRequest]) -> dict[str, Any]:
    """All that a cycle leaves behind, without numbers and times."""
    for request in requests:
        request.refresh_from_db()
    snapshot = client.snapshot()
    replicas = snapshot.named("block_replicas").collect().select("dataset", "block", "site", "group", "complete")
    return {
        "replicas": sorted(replicas.rows()),
        "growing": sorted(snapshot.named("dataset_replicas").collect().select("dataset", "site", "growing").rows()),
        "subscriptions": sorted(Subscription.objects.values_list("site", "lfn", "operation", "state")),
        "requests": [(request.status, request.reason) for request in requests],
        "actions": [sorted(request.actions.values_list("item", "site", "status")) for request in requests],
    }


def undisturbed(ask: Asking) -> tuple[dict[str, Any], int]:
    """What a cycle leaves behind, and by how many writes."""
    with new_world():
        requests, count = asked(ask), Death(10**9)
        with leading(), connection.execute_wrapper(count):
            run_cycle(PARTITION, OPTIONS)
            return outcome(requests), count.writes
    raise AssertionError


@pytest.mark.slow
def test_killed_at_any_write_it_is_finished_by_the_next_one(ask: Asking) -> None:
    expected, writes = undisturbed(ask)
    assert writes > 20
    assert len(expected["subscriptions"]) == 10
    for left in range(writes):
        with new_world():
            requests, death = asked(ask), Death(left)
            with leading(), pytest.raises(Killed), connection.execute_wrapper(death):
                run_cycle(PARTITION, OPTIONS)
            with leading():
                run_cycle(PARTITION, OPTIONS)
                assert outcome(requests) == expected, f"killed after {left} of {writes} writes"
            assert set(Cycle.objects.values_list("state", flat=True)) <= {"done", "failed"}
            assert not CycleSite.objects.filter(state__in=("planned", "subscribed")).exists()
            sent = list(
                UpdateRecord.objects.filter(transaction__startswith="dealer-").values_list("transaction", flat=True)
            )
            assert len(sent) == len(set(sent)) == 2, f"killed after {left} of {writes} writes: {sent}"


@pytest.mark.slow
def test_a_site_whose_data_is_gone_meanwhile_is_passed_over(ask: Asking) -> None:
    """Killed before anything was committed; then a dataset is deleted."""
    _, writes = undisturbed(ask)
    with new_world():
        requests = asked(ask)
        # The decisions are on record, and that is all.
        for left in range(writes):
            with transaction.atomic():
                with leading(), pytest.raises(Killed), connection.execute_wrapper(Death(left)):
                    run_cycle(PARTITION, OPTIONS)
                if Cycle.objects.filter(state="committing").exists():
                    break
                transaction.set_rollback(True)
        with leading():
            gone = World().changes(token=log.leadership().token)
            client.commit(gone.delete("datasets", [{"name": A}]))
            run_cycle(PARTITION, OPTIONS)
            left_over = outcome(requests)
        assert {row[1:3] for row in left_over["replicas"] if row[2] != "T1_A"} == {("b1", "T2_C")}
        assert {row[:2] for row in left_over["subscriptions"]} == {("T2_C", lfn(B, "b1", n)) for n in (0, 1)}
        assert set(Cycle.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.slow
def test_a_record_that_is_lost_fails_its_requests_and_does_not_stop_the_cycles_after_it(ask: Asking) -> None:
    _, writes = undisturbed(ask)
    with new_world():
        requests = asked(ask)
        for left in range(writes):
            with transaction.atomic():
                with leading(), pytest.raises(Killed), connection.execute_wrapper(Death(left)):
                    run_cycle(PARTITION, OPTIONS)
                if Cycle.objects.filter(state="committing").exists():
                    break
                transaction.set_rollback(True)
        killed = Cycle.objects.get(state="committing")
        (history.directory_of(killed.pk) / "copies.parquet").unlink()
        with leading():
            following = run_cycle(PARTITION, OPTIONS)
            told = outcome(requests)
        killed.refresh_from_db()
        assert killed.state == "failed" and "copies are not kept" in killed.error
        assert following.state == "done"
        assert not told["subscriptions"]
        assert {status for actions in told["actions"] for _, _, status in actions} == {"failed"}
        assert not CycleSite.objects.filter(state__in=("planned", "subscribed")).exists()
