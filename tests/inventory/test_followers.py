"""Tables and checkpoints follow the log: exactly once, whatever dies when, and refuse to be what they are not."""

from __future__ import annotations

import pytest
from django.db import connection

from inventory import followers, log
from inventory.changes import ChangeSet
from inventory.checkpoint import CheckpointDamaged, Checkpoints, load, newest_first
from inventory.errors import InventoryUnavailable, LeadershipLost
from inventory.image import Image
from inventory.leader import Leader
from inventory.log_models import FollowerPosition, UpdatePart, UpdateRecord
from inventory.models import BlockReplica, File, Group
from inventory.recovery import SourceUnusable, recovered, replayed
from inventory.schema import TABLES
from inventory.verify import differences_of, verified
from tests.inventory.makers import D, random_changes, same, small

pytestmark = pytest.mark.django_db


class Died(Exception):
    """The process ends here."""


def equal(left: Image, right: Image) -> bool:
    return left.version == right.version and all(
        same(left.snapshot().frame(name), right.snapshot().frame(name)) for name in TABLES
    )


@pytest.mark.slow
def test_a_follower_that_dies_at_any_step_goes_on_where_it_was(inventory, monkeypatch):
    monkeypatch.setattr(followers, "STEP_ROWS", 3)
    for changes in random_changes(5, 10):
        inventory.commit(changes)
    real, deaths = followers._change, iter(range(10_000))

    def dying(table, delta):
        real(table, delta)
        if next(deaths) % 5 == 0:
            raise Died

    monkeypatch.setattr(followers, "_change", dying)
    for _ in range(2000):
        try:
            done = not followers.follow(limit=1)
        except Died:
            continue
        if done:
            break
    assert equal(followers.read_tables(), inventory.leader.image)
    assert next(deaths) > 50


def test_others_get_at_the_database_between_the_pieces_of_a_long_record(inventory, monkeypatch):
    monkeypatch.setattr(followers, "STEP_ROWS", 2)
    inventory.commit(small())
    (record,) = log.records_after(0)
    steps, real = [], followers.time.sleep

    def pausing(seconds):
        steps.append((FollowerPosition.objects.get().step, 0 < seconds <= followers.LONGEST_PAUSE))
        real(seconds)

    monkeypatch.setattr(followers.time, "sleep", pausing)
    followers.apply(record)
    # SQLite hands its lock to nobody: who waits only looks for it now and then.
    expected = len(list(followers._steps(record.delta))) - 1 if connection.vendor == "sqlite" else 0
    assert steps == [(number, True) for number in range(1, expected + 1)]


def test_tables_within_a_record_are_brought_to_its_end_before_they_are_read(inventory, monkeypatch):
    monkeypatch.setattr(followers, "STEP_ROWS", 2)
    inventory.commit(small())
    real = followers._change

    def dying(table, delta):
        if table == "block_replicas":
            raise Died
        real(table, delta)

    (record,) = log.records_after(0)
    monkeypatch.setattr(followers, "_change", dying)
    with pytest.raises(Died):
        followers.apply(record)
    monkeypatch.setattr(followers, "_change", real)
    assert File.objects.count() == 3 and not BlockReplica.objects.exists()
    assert FollowerPosition.objects.get().step > 0
    assert equal(followers.read_tables(), inventory.leader.image)


def test_the_group_of_nobody_is_in_the_tables(inventory):
    inventory.commit(ChangeSet("a", 1).put("sites", [{"name": "A"}]))
    inventory.follow()
    assert Group.objects.get(pk=0).name == "None"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_checkpoint_with_the_rest_of_the_log_is_the_image(inventory, tmp_path, seed):
    checkpoints = Checkpoints(tmp_path)
    for number, changes in enumerate(random_changes(seed, 14)):
        inventory.commit(changes)
        if number % 4 == seed:
            checkpoints.write(inventory.leader.image)
    head = inventory.leader.image.version
    assert len(newest_first(tmp_path)) == 3
    for directory in newest_first(tmp_path):
        assert equal(replayed(load(directory), head), inventory.leader.image)
    image, source = recovered(head, tmp_path)
    assert source.startswith("checkpoint") and equal(image, inventory.leader.image)


def test_chunks_that_did_not_change_are_shared_between_checkpoints(inventory, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    inventory.commit(small())
    first = checkpoints.write(inventory.leader.image)
    inventory.commit(ChangeSet("a", 1).put("sites", [{"name": "X"}]))
    second = checkpoints.write(inventory.leader.image)
    assert (first / "files-0.arrow").stat().st_ino == (second / "files-0.arrow").stat().st_ino
    assert (first / "sites-0.arrow").stat().st_ino != (second / "sites-0.arrow").stat().st_ino


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "manifest", "number"])
def test_a_damaged_checkpoint_is_refused_and_the_next_source_used(inventory, tmp_path, damage):
    inventory.commit(small())
    directory = Checkpoints(tmp_path).write(inventory.leader.image)
    file, manifest = directory / "files-0.arrow", directory / "manifest.json"
    content = file.read_bytes()
    if damage == "flip":
        file.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    elif damage == "cut":
        file.write_bytes(content[:-100])
    elif damage == "remove":
        file.unlink()
    elif damage == "manifest":
        manifest.write_text(manifest.read_text()[:-30])
    else:
        manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(CheckpointDamaged, match="remove"):
        load(directory)
    image, source = recovered(1, tmp_path)
    assert source == "tables" and equal(image, inventory.leader.image)


def test_sources_of_another_database_or_with_a_gap_are_refused(inventory, tmp_path):
    inventory.commit(small())
    inventory.commit(ChangeSet("a", 1).put("sites", [{"name": "X"}]))
    Checkpoints(tmp_path).write(inventory.leader.image)
    with pytest.raises(SourceUnusable, match="another database"):
        replayed(inventory.leader.image, 1)
    UpdatePart.objects.filter(record_id=1).delete()
    UpdateRecord.objects.filter(sequence=1).delete()
    assert recovered(2, tmp_path)[1].startswith("checkpoint")
    with pytest.raises(SourceUnusable, match="no source leads"):
        recovered(2)


def test_a_version_that_cannot_be_published_is_committed_and_ends_the_leader(inventory):
    row = log.take_lead()
    full = iter([False, True])

    def publish(image):
        if next(full):
            raise OSError("No space left on device")
        return image

    leader = Leader(row.epoch, recovered(row.head)[0], row.next_ids, publish)
    with pytest.raises(LeadershipLost, match="version 1 is committed"):
        leader.commit(small())
    with pytest.raises(InventoryUnavailable):
        leader.commit(ChangeSet("a", 1).put("sites", [{"name": "X"}]))
    image, _ = recovered(1)
    assert image.counts()["sites"] == 2


def test_verify_compares_what_there_is(inventory, tmp_path):
    inventory.commit(small())
    Checkpoints(tmp_path).write(inventory.leader.image)
    inventory.commit(ChangeSet("a", 1).delete("files", [{"dataset": D, "block": "b1", "lfn": "/store/b1/f0"}]))
    assert verified(tmp_path).differences == ()
    inventory.follow()
    assert verified(tmp_path).compared == ("image", "tables", "checkpoint", "log")
    File.objects.filter(base_name="f1").update(size=77)
    (difference,) = verified(tmp_path).differences
    assert (difference.source, difference.table, difference.lacking, difference.extra) == ("tables", "files", 1, 1)
    assert "77" in str(difference)


def test_differences_tell_rows_and_order(inventory):
    before = inventory.snapshot()
    inventory.commit(small())
    found = differences_of("image", before, inventory.snapshot())
    assert {difference.table: difference.lacking for difference in found}["files"] == 3
