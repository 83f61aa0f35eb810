"""Files are copied and deleted, on real directories and between real XRootD servers, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import zlib
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from django.db import transaction

from fileops.errors import StorageError
from fileops.models import Attempt, Batch, Operation, Subscription
from fileops.operations import Patience, Task, copy
from fileops.storage.base import is_temporary
from fileops.subscriptions import replica_deletions, subscribe_copies, subscribe_deletions
from fileops.unmanaged import subscribe as subscribe_unmanaged
from inventory.changes import ChangeSet
from tests.fileops.world import World, attempts, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, ["A", "B", "C"], ["A", "B"])


def delete_at(world: World, *sites: str) -> None:
    files, _ = replica_deletions(world.snapshot, world.replicas(*sites))
    with transaction.atomic():
        subscribe_deletions(files, "alice", "a test")


def test_a_block_is_copied(world: World) -> None:
    world.wants_copy("C")
    assert world.plan().batched == 5
    moved = world.move()
    assert (moved.done, moved.failed) == (5, 0)
    assert moved.bytes == sum(map(len, world.content.values()))
    assert world.on_disk("C") == world.content
    assert world.states() == {"done": 5}
    assert {row[1:] for row in attempts()} == {("C", 0)}
    assert set(Batch.objects.values_list("state", flat=True)) == {Batch.State.DONE}
    assert not Subscription.objects.exclude(open_key=None, batch=None).exists()


def test_a_block_is_deleted_and_missing_files_are_gone_already(world: World) -> None:
    first = next(iter(world.content))
    world.path("B", first).unlink()
    delete_at(world, "B")
    assert world.run().done == 5
    assert world.on_disk("B") == {}
    assert world.on_disk("A") == world.content
    assert world.states() == {"done": 5}


def test_deletions_at_a_site_that_is_not_mounted_wait_for_it(world: World) -> None:
    delete_at(world, "B")
    root = world.path("B", "/store").parent
    root.rename(root.with_name("elsewhere"))
    assert world.run().done == 0
    assert "done" not in world.states()
    root.with_name("elsewhere").rename(root)
    world.run(later=86400)
    assert world.states() == {"done": 5}
    assert world.on_disk("B") == {}


def test_the_right_file_there_already_is_not_copied_and_a_wrong_one_is_replaced(world: World) -> None:
    right, wrong, longer = list(world.content)[:3]
    stamp = world.put("C", right).stat()
    world.put("C", wrong, bytes(len(world.content[wrong])))
    world.put("C", longer, world.content[longer] + b"more")
    world.wants_copy("C")
    assert world.run().done == 5
    assert world.on_disk("C") == world.content
    after = world.path("C", right).stat()
    assert (after.st_ino, after.st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)


def test_a_corrupt_source_is_noticed_and_another_one_taken(world: World) -> None:
    lfn = "/store/mc/run/f000.root"
    world.put("A", lfn, bytes(len(world.content[lfn])))
    world.change(ChangeSet("test", 1).put("sites", [{"name": "B", "status": "WAITROOM"}]))
    world.wants_copy("C")
    moved = world.run()
    assert (moved.done, moved.failed) == (4, 1)
    assert lfn not in world.on_disk("C")
    row = Subscription.objects.get(lfn=lfn)
    assert (row.state, row.attempts, row.not_before) == ("retry", 1, None)
    assert "checksum" in row.message
    assert Attempt.objects.get(exit_code=errno.EIO).source == "A"
    assert world.plan().held == {"all_failed": 1}
    # The other holder comes back: a newer source releases it.
    world.change(ChangeSet("test", 1).put("sites", [{"name": "B", "status": "READY"}]))
    assert world.plan().released == 1
    assert world.move().done == 1
    assert world.on_disk("C") == world.content
    assert attempts()[-1] == ("B", "C", 0)


def test_a_source_of_another_size_and_a_missing_one_are_refused(world: World) -> None:
    short, missing = list(world.content)[:2]
    for site in ("A", "B"):
        world.put(site, short, b"short")
        world.path(site, missing).unlink()
    world.wants_copy("C")
    for _ in range(3):
        world.run()
    assert world.states() == {"done": 3, "held:all_failed": 2}
    assert sorted(code for _, _, code in attempts() if code) == [errno.ENOENT] * 2 + [errno.EIO] * 2
    assert len(world.on_disk("C")) == 3


def test_nothing_else_is_left_at_the_destination(world: World) -> None:
    world.put("A", "/store/mc/run/f000.root", b"short")
    world.put("B", "/store/mc/run/f000.root", bytes(10_000))
    world.wants_copy("C")
    for _ in range(3):
        world.run()
    names = [path.name for path in world.roots["C"].rglob("*") if path.is_file()]
    assert len(names) == 4
    assert not any(is_temporary(name) for name in names)


def test_copying_cancels_deleting_and_the_other_way_round(world: World) -> None:
    delete_at(world, "B")
    files, _ = replica_deletions(world.snapshot, world.replicas("B"))
    with transaction.atomic():
        answer = subscribe_copies(files.head(2), "bob", "another test")
    assert (answer.made, answer.cancelled) == (2, 2)
    with transaction.atomic():
        again = subscribe_copies(files.head(2), "bob", "another test")
    assert (again.made, again.existing) == (0, 2)
    with transaction.atomic():
        back = subscribe_deletions(files, "carol", "a third")
    assert (back.made, back.existing, back.cancelled) == (2, 3, 2)
    assert Subscription.objects.filter(open_key__isnull=False).count() == 5
    world.run()
    assert world.on_disk("B") == {}


def test_subscriptions_need_the_transaction_of_the_decision(world: World, transactional_db: None) -> None:
    files, _ = replica_deletions(world.snapshot, world.replicas("B"))
    with pytest.raises(transaction.TransactionManagementError, match="transaction of the decision"):
        subscribe_copies(files, "alice", "a test")


def test_a_file_is_not_deleted_while_it_is_read(world: World) -> None:
    world.change(ChangeSet("test", 1).put("sites", [{"name": "B", "status": "WAITROOM"}]))
    world.wants_copy("C")
    delete_at(world, "A")
    planned = world.plan()
    assert (planned.batched, planned.waiting) == (5, 5)
    assert not Subscription.objects.filter(state="inbatch", operation=Operation.DELETE).exists()
    world.move()
    world.run(later=120)
    assert world.on_disk("A") == {}
    assert world.on_disk("C") == world.content


def test_a_subscription_cancelled_while_it_was_in_a_batch_does_nothing(world: World) -> None:
    world.wants_copy("C")
    world.plan()
    files, _ = replica_deletions(world.snapshot, world.replicas("C"))
    assert files.height == 5  # those that a copy is open for
    with transaction.atomic():
        assert subscribe_deletions(files, "bob", "changed my mind").cancelled == 5
    assert world.plan().batched == 0  # not while the copies are in the mover's hands
    moved = world.move()
    assert moved.done == 0
    assert world.on_disk("C") == {}
    assert world.run(later=120).done == 5
    assert world.states() == {"cancelled": 5, "done": 5}


def test_a_site_out_of_service_holds_its_files_until_it_returns(world: World) -> None:
    world.wants_copy("C")
    world.change(ChangeSet("test", 1).put("sites", [{"name": "C", "status": "MORGUE"}]))
    assert world.plan().held == {"site_unavailable": 5}
    assert world.plan().batched == 0
    world.change(ChangeSet("test", 1).put("sites", [{"name": "C", "status": "READY"}]))
    planned = world.plan()
    assert (planned.released, planned.batched) == (5, 5)


def test_files_without_a_source_are_held_outside_the_queue(world: World) -> None:
    world.wants_copy("C")
    gone = [{"dataset": "/Primary/Run1/AOD", "block": "b1", "site": site} for site in ("A", "B")]
    world.change(ChangeSet("test", 1).delete("block_replicas", gone))
    planned = world.plan()
    assert (planned.held, planned.batched) == ({"no_source": 5}, 0)
    world.change(ChangeSet("test", 1).put("block_replicas", [{**gone[0], "complete": True}]))
    assert world.run().done == 5


def test_a_replica_that_the_inventory_lost_takes_its_subscriptions_along(world: World) -> None:
    world.wants_copy("C")
    lost = [{"dataset": "/Primary/Run1/AOD", "site": "C"}]
    world.change(ChangeSet("test", 1).delete("dataset_replicas", lost))
    early = world.plan()
    assert (early.waiting, early.batched, early.cancelled) == (5, 0, 0)  # its change set may be on its way
    assert world.plan(later=world.settings.replica_grace + 120).cancelled == 5
    assert world.on_disk("C") == {}


def test_all_that_is_cancelled_is_counted_whatever_the_reasons(world: World) -> None:
    world.wants_copy("C")
    world.change(ChangeSet("test", 1).delete("dataset_replicas", [{"dataset": "/Primary/Run1/AOD", "site": "C"}]))
    known = pl.DataFrame({"lfn": [next(iter(world.content))], "size": [1]})
    with transaction.atomic():
        subscribe_unmanaged("A", known, "alice")
    assert world.plan(later=world.settings.replica_grace + 120).cancelled == 5 + 1


def test_a_file_that_the_inventory_has_there_needs_no_copy(world: World) -> None:
    world.wants_copy("C")
    lfn = next(iter(world.content))
    row = {"dataset": "/Primary/Run1/AOD", "block": "b1", "site": "C", "lfn": lfn}
    world.change(ChangeSet("test", 1).put("replica_files", [row]))
    planned = world.plan()
    assert (planned.found, planned.batched) == (1, 4)
    assert Subscription.objects.get(lfn=lfn).state == "done"


def test_no_more_than_the_limit_is_pending_at_a_site(world: World) -> None:
    world.settings = replace(world.settings, max_pending=3, batch_size=2)
    world.wants_copy("C")
    assert world.plan().batched == 3
    assert sorted(Batch.objects.values_list("num_files", flat=True)) == [1, 2]
    assert world.plan().batched == 0
    assert world.move().done == 3
    assert world.run().done == 2


def test_links_at_a_site_lead_nowhere(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    world.roots["C"].joinpath("store").symlink_to(outside)
    world.wants_copy("C")
    world.run()
    assert list(outside.iterdir()) == []
    assert world.states() == {"held:destination_refuses": 5}
    assert "link" in Subscription.objects.first().message


def one_task(world: World, **changes: object) -> Task:
    lfn = next(iter(world.content))
    data = world.content[lfn]
    values = {
        "id": 1, "operation": "copy", "lfn": lfn, "size": len(data), "adler32": zlib.adler32(data), "source": "A",
        "destination": "C", "batch": 1, "tag": "t", "claim": 1, **changes,
    }  # fmt: skip
    return Task(**values)


def test_a_copy_that_is_not_wanted_any_more_stops(world: World) -> None:
    with pytest.raises(StorageError) as caught:
        copy(one_task(world), world.storage("A"), world.storage("C"), Patience(5, 5), lambda: True)
    assert caught.value.code == errno.ECANCELED
    assert world.on_disk("C") == {}


def test_a_file_without_known_checksum_is_compared_with_its_source(world: World) -> None:
    task = one_task(world, adler32=None)
    world.put("C", task.lfn, bytes(task.size))
    copy(task, world.storage("A"), world.storage("C"), Patience(5, 5), lambda: False)
    assert world.on_disk("C") == {task.lfn: world.content[task.lfn]}


def test_what_a_dead_mover_left_is_removed(world: World) -> None:
    task = one_task(world, claim=3)
    world.put("C", task.temporary(1), b"half")
    world.put("C", task.temporary(2), b"half of")
    copy(task, world.storage("A"), world.storage("C"), Patience(5, 5), lambda: False)
    assert world.on_disk("C") == {task.lfn: world.content[task.lfn]}
