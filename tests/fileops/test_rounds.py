"""Whole rounds: from what is asked to what the inventory knows, with a real inventory, turns and storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import redis
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from fileops import complete, tasks
from fileops.models import Completion, DirectoryToClean, Subscription
from fileops.mover import move
from fileops.planning import plan
from fileops.rounds import Summary, _Round, advance
from fileops.settings import FileopsSettings
from fileops.storage import Storage
from fileops.subscriptions import (
    missing_files,
    open_operations,
    replica_deletions,
    subscribe_copies,
    subscribe_deletions,
)
from fileops.tasks import remake
from fileops.unmanaged import subscribe as subscribe_unmanaged
from inventory.changes import ChangeSet
from inventory.models import TunedSetting
from registry.callers import Caller
from registry.locks import Wish, release, set_locks
from registry.models import DeletionRequest, DetoxLock, Injection, Request, RequestItem, RequestSite, WantedCopy
from scheduler import applock
from scheduler.runs import writer
from tests.fileops.world import BLOCK, DATASET, World, dataset_changes, make_world, site_changes
from tests.inventory.fixtures import TestInventory


@dataclass
class Live:
    """A world whose inventory is the test's real one."""

    world: World
    inventory: TestInventory

    def replicas(self, *sites: str) -> pl.DataFrame:
        found = self.inventory.snapshot().named("block_replicas").filter(pl.col("site").is_in(list(sites)))
        return found.select("dataset_id", "block_id", "site_id").collect()

    def where(self) -> dict[str, tuple[bool, int]]:
        """Completeness and number of files of the block at each site."""
        rows = self.inventory.snapshot().named("block_replicas").select("site", "complete", "num_files").collect()
        return {site: (complete, count) for site, complete, count in rows.iter_rows()}

    def datasets(self) -> set[str]:
        return set(self.inventory.snapshot().named("dataset_replicas").collect()["site"])

    def wants_copy(self, site: str) -> None:
        self.inventory.put(
            dataset_replicas=[{"dataset": DATASET, "site": site, "growing": False}],
            block_replicas=[{"dataset": DATASET, "block": BLOCK, "site": site, "complete": False}],
        )
        with transaction.atomic():
            subscribe_copies(missing_files(self.inventory.snapshot(), self.replicas(site)), "alice", "a test")

    def gives_up(self, site: str) -> None:
        """As Detox does it."""
        files, _ = replica_deletions(self.inventory.snapshot(), self.replicas(site))
        with transaction.atomic():
            subscribe_deletions(files, "detox", "cycle 1")


@pytest.fixture
def live(tmp_path: Path, inventory: TestInventory, empty_redis: redis.Redis) -> Live:
    world = make_world(tmp_path, ["A", "B", "C"], ["A", "B"])
    for changes in (
        site_changes({site: root.as_uri() for site, root in world.roots.items()}),
        dataset_changes(world.content, ["A", "B"]),
    ):
        changes.token = inventory.leader_token
        inventory.commit(changes)
    TunedSetting.objects.create(component="fileops", name="clean_depth", value=2)
    TunedSetting.objects.create(component="fileops", name="turn_wait", value=0.5)
    return Live(world, inventory)


def test_a_copy_arrives_and_the_inventory_knows(live: Live) -> None:
    live.wants_copy("C")
    assert live.where()["C"] == (False, 0)
    summary = advance(seed=1)
    assert (summary.batched, summary.done, summary.copied, summary.notes) == (5, 5, 5, [])
    assert live.where() == dict.fromkeys("ABC", (True, 5))
    assert live.world.on_disk("C") == live.world.content
    assert open_operations().is_empty()
    again = advance()
    assert again == Summary()


def test_a_deleted_replica_disappears_with_its_dataset_and_directories(live: Live) -> None:
    live.gives_up("B")
    summary = advance()
    assert (summary.deleted, summary.block_replicas_gone, summary.dataset_replicas_gone) == (5, 1, 1)
    assert live.where() == {"A": (True, 5)}
    assert live.datasets() == {"A"}
    assert summary.directories_removed == 2
    assert (live.world.roots["B"] / "store").is_dir()
    assert not (live.world.roots["B"] / "store/mc").exists()
    assert not DirectoryToClean.objects.exists()


def test_a_growing_dataset_replica_stays_when_its_last_block_goes(live: Live) -> None:
    live.inventory.put(dataset_replicas=[{"dataset": DATASET, "site": "B", "growing": True}])
    live.gives_up("B")
    assert advance().dataset_replicas_gone == 0
    assert live.datasets() == {"A", "B"}


def test_a_replica_is_over_only_when_nothing_is_left_of_it(live: Live) -> None:
    files, _ = replica_deletions(live.inventory.snapshot(), live.replicas("B"))
    with transaction.atomic():
        subscribe_deletions(files.head(2), "detox", "half of it")
    assert advance().block_replicas_gone == 0
    assert live.where()["B"] == (False, 3)
    held = files.tail(1)["lfn"].item()
    live.gives_up("B")
    Subscription.objects.filter(lfn=held, operation="delete").update(not_before=timezone.now() + timedelta(hours=1))
    assert advance().block_replicas_gone == 0
    assert live.where()["B"] == (False, 1)
    Subscription.objects.filter(lfn=held).update(not_before=None)
    assert advance().block_replicas_gone == 1
    assert set(live.where()) == {"A"}


def test_what_is_copied_and_deleted_again_ends_as_the_last_word_says(live: Live) -> None:
    live.wants_copy("C")
    with writer("test", {}, "somebody"):
        assert "somebody" in advance().notes[0]  # moved, but the report has to wait for its turn
    assert live.where()["C"] == (False, 0)
    assert open_operations("C").height == 5
    live.gives_up("C")
    summary = advance()
    assert live.world.on_disk("C") == {}
    assert (summary.copied, summary.deleted) in ((0, 5), (5, 5))
    assert set(live.where()) == {"A", "B"}


class Cut(Exception):
    """Ends a report as a kill would."""


def report_cut_off(moment: str) -> None:
    with writer("fileops", {}, "fileops") as run:
        send = run.commit

        def commit(changes: ChangeSet) -> object:
            if moment == "after the commit":
                send(changes)
            raise Cut

        run.commit = commit  # type: ignore[method-assign]
        complete.report(run, 100)


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_report_that_was_cut_off_is_applied_once(live: Live, moment: str) -> None:
    live.wants_copy("C")
    with writer("test", {}, "somebody"):
        advance()
    before = live.inventory.snapshot().version

    with pytest.raises(Cut):
        report_cut_off(moment)
    assert Subscription.objects.filter(reported=False).count() == 5
    assert advance().copied == 5
    assert live.inventory.snapshot().version == before + 1
    assert live.where()["C"] == (True, 5)
    assert Completion.objects.get().version == before + 1


def test_files_invalidated_meanwhile_do_not_stop_the_report(live: Live) -> None:
    live.wants_copy("C")
    with writer("test", {}, "somebody"):
        advance()
    gone = next(iter(live.world.content))
    changes = ChangeSet("test", live.inventory.leader_token)
    live.inventory.commit(changes.delete("files", [{"dataset": DATASET, "block": BLOCK, "lfn": gone}]))
    assert advance().copied == 4
    assert live.where()["C"] == (True, 4)


def test_a_stopped_application_does_nothing_and_says_who_stopped_it(live: Live) -> None:
    live.wants_copy("C")
    applock.lock("fileops", "olga", note="maintenance")
    summary = advance()
    assert (summary.done, Subscription.objects.filter(state="new").count()) == (0, 5)
    assert "olga" in summary.notes[0]


def asked_to_delete(*places: tuple[str, str]) -> Request:
    now = timezone.now()
    request = DeletionRequest.objects.create(user="alice", first_asked=now, last_asked=now)
    for item in dict.fromkeys(item for item, _ in places):
        RequestItem.objects.create(request=request, item=item)
    for site in dict.fromkeys(site for _, site in places):
        RequestSite.objects.create(request=request, site=site)
    return request


@pytest.mark.parametrize("item", [DATASET, f"{DATASET}#{BLOCK}"])
def test_a_deletion_request_is_carried_out(live: Live, item: str) -> None:
    request = asked_to_delete((item, "B"))
    summary = advance()
    assert (summary.deletion_requests, summary.deleted) == (1, 5)
    assert live.world.on_disk("B") == {}
    request.refresh_from_db()
    assert request.status == "activated"
    assert [action.status for action in request.actions.all()] == ["queued"]
    assert set(live.where()) == {"A"}
    assert Subscription.objects.first().cause == f"deletion request {request.pk}"


def test_a_deletion_request_of_something_locked_or_absent_is_rejected_with_the_reason(live: Live) -> None:
    set_locks([Wish(DATASET, timezone.now() + timedelta(days=1), sites="B")], "bob")
    requests = [asked_to_delete((DATASET, "B")), asked_to_delete((DATASET, "C")), asked_to_delete(("/No/Such/X", "A"))]
    assert advance().rejected_requests == 3
    reasons = []
    for request in requests:
        request.refresh_from_db()
        assert request.status == "rejected"
        reasons.append(request.reason)
    assert "lock" in reasons[0]
    assert all("not there" in reason for reason in reasons[1:])
    assert live.world.on_disk("B") == live.world.content


def test_a_deletion_request_of_which_a_part_can_be_done(live: Live) -> None:
    request = asked_to_delete((DATASET, "B"), (DATASET, "C"))
    assert advance().deletion_requests == 1
    actions = {action.site: (action.status, action.reason) for action in request.actions.all()}
    assert actions == {"B": ("queued", ""), "C": ("failed", "not there")}


def test_a_lock_set_after_the_decision_still_protects(live: Live) -> None:
    live.gives_up("B")
    set_locks([Wish(DATASET, timezone.now() + timedelta(days=1), sites="B")], "bob")
    assert advance().held == {"locked": 5}
    assert live.world.on_disk("B") == live.world.content
    release(DetoxLock.objects.all(), Caller(AnonymousUser(), label="bob"))
    assert advance().deleted == 5


def test_a_lock_set_when_a_mover_has_the_files_already_still_protects(live: Live) -> None:
    live.gives_up("B")
    assert plan(live.inventory.snapshot(), FileopsSettings(), timezone.now(), 0).batched == 5
    set_locks([Wish(DATASET, timezone.now() + timedelta(days=1), sites="B")], "bob")
    summary = advance()
    assert (summary.held, summary.done, summary.cancelled) == ({"locked": 5}, 0, 0)
    assert live.world.on_disk("B") == live.world.content
    assert not Subscription.objects.exclude(batch=None).exists()
    release(DetoxLock.objects.all(), Caller(AnonymousUser(), label="bob"))
    assert advance().deleted == 5


def test_a_lock_set_while_a_mover_works_keeps_what_is_not_begun(live: Live) -> None:
    live.gives_up("B")
    settings = FileopsSettings(per_site=1, tend_every=0.0)
    looks: list[int] = []

    def tend() -> None:
        looks.append(len(looks))
        if len(looks) == 2:
            set_locks([Wish(DATASET, timezone.now() + timedelta(days=1), sites="B")], "bob")
        plan(live.inventory.snapshot(), settings, timezone.now(), 0)

    move(live.world.storage, settings, tend)
    assert live.world.states() == {"done": 1, "held:locked": 4}
    assert len(live.world.on_disk("B")) == 4
    release(DetoxLock.objects.all(), Caller(AnonymousUser(), label="bob"))
    assert advance().deleted == 5
    assert live.world.states() == {"done": 5}


def test_copies_that_an_injection_wants_are_taken_over_once(live: Live) -> None:
    injection = Injection.objects.create(
        kind="inject", document={}, user="prod", asked=timezone.now(), state="recorded"
    )
    live.inventory.put(
        dataset_replicas=[{"dataset": DATASET, "site": "C", "growing": True}],
        block_replicas=[{"dataset": DATASET, "block": BLOCK, "site": "C", "complete": False}],
    )
    lfn, data = next(iter(live.world.content.items()))
    WantedCopy.objects.create(injection=injection, dataset=DATASET, block=BLOCK, lfn=lfn, site="C", size=len(data))
    assert advance().wanted_copies == 0
    Injection.objects.update(state="applied")
    summary = advance()
    assert (summary.wanted_copies, summary.copied) == (1, 1)
    assert (Subscription.objects.get().author, Subscription.objects.get().cause) == (
        "prod",
        f"injection {injection.pk}",
    )
    assert live.where()["C"] == (False, 1)
    assert advance().wanted_copies == 0


def test_files_that_the_inventory_does_not_know_are_deleted(live: Live) -> None:
    live.world.put("A", "/store/mc/lost/x.root", b"lost")
    known = next(iter(live.world.content))
    files = pl.DataFrame({"lfn": ["/store/mc/lost/x.root", "/store/mc/lost/none.root", known], "size": [4, 4, 4]})
    with transaction.atomic():
        assert subscribe_unmanaged("A", files, "consistency", "check 1").made == 3
    summary = advance()
    assert (summary.done, summary.cancelled, summary.deleted) == (2, 1, 0)
    assert live.world.on_disk("A") == live.world.content
    assert not (live.world.roots["A"] / "store/mc/lost").exists()
    assert "inventory" in Subscription.objects.get(lfn=known).message
    assert live.where() == {"A": (True, 5), "B": (True, 5)}


def test_an_orphan_that_somebody_wants_is_left_alone(live: Live) -> None:
    live.wants_copy("C")
    lfn = next(iter(live.world.content))
    with transaction.atomic():
        answer = subscribe_unmanaged("C", pl.DataFrame({"lfn": [lfn], "size": [1]}), "consistency")
    assert (answer.made, answer.existing, answer.cancelled) == (0, 1, 0)
    advance()
    assert live.where()["C"] == (True, 5)


def test_lost_subscriptions_are_made_again(live: Live) -> None:
    live.inventory.put(groups=[{"name": "Physics"}])
    row = {"dataset": DATASET, "site": "C", "group": "Physics"}
    live.inventory.put(
        dataset_replicas=[{**row, "growing": False}],
        block_replicas=[{**row, "block": BLOCK, "complete": False, "last_update": 1000}],
    )
    assert remake() == 5
    assert remake() == 0  # they are open now
    assert set(Subscription.objects.values_list("cause", flat=True)) == {"its subscription was lost"}
    assert advance().copied == 5
    assert remake() == 0


def test_what_nobody_owns_or_changed_lately_is_not_lost(live: Live) -> None:
    live.inventory.put(groups=[{"name": "Physics"}])
    for site, group, changed in (("B", "Physics", int(timezone.now().timestamp())), ("C", "None", 1000)):
        row = {"dataset": DATASET, "site": site, "group": group}
        live.inventory.put(
            dataset_replicas=[{**row, "growing": False}],
            block_replicas=[{**row, "block": BLOCK, "complete": False, "last_update": changed}],
        )
    assert remake() == 0


def test_every_schedule_names_a_task_that_workers_know() -> None:
    from dynamo_site.celery import app

    app.loader.import_default_modules()
    assert {"fileops.advance", "fileops.remake"} == {schedule.task for schedule in tasks.SCHEDULES} & set(app.tasks)


def test_a_round_by_the_worker(live: Live) -> None:
    live.wants_copy("C")
    assert tasks.advance()["copied"] == 5


def test_a_thread_gets_its_storage_while_the_round_looks_anew(live: Live) -> None:
    work = _Round(FileopsSettings(), "fileops", 0, Summary())
    known = live.world.storage("A")

    class Replaced(dict[str, Storage]):
        """The main thread puts another dictionary in its place right after the thread has looked into this one."""

        def __contains__(self, site: object) -> bool:
            work.storages = {}
            return super().__contains__(site)

    work.storages = Replaced(A=known)
    assert work.storage("A") is known
