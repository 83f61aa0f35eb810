"""The history follows the log once, survives whatever happens to its writer, and gives any version back."""

from __future__ import annotations

import contextlib
import random
import shutil

import pytest

from inventory import checkpoint, client
from inventory.errors import InventoryUnavailable, RecordsDropped, VersionGone
from inventory.history import archive, asof, compaction, follower, segment
from inventory.history.past import Past, directory
from inventory.history.segment import HistoryDamaged
from inventory.log import records_after
from inventory.log_models import UpdateRecord
from inventory.schema import TABLES
from tests.inventory.makers import random_changes, same, small

pytestmark = pytest.mark.django_db


@pytest.fixture
def versions(inventory):
    """Snapshots of all versions of a random inventory, by number."""
    found = {0: inventory.snapshot()}
    for changes in random_changes(7, 30):
        inventory.commit(changes)
        found[inventory.snapshot().version] = inventory.snapshot()
    return found


@pytest.fixture
def historian(places):
    return follower.Historian(directory())


def written(historian, until, piece=4):
    for end in range(piece, until + piece, piece):
        historian.follow(min(end, until))


def assert_equal(found, expected):
    assert (found.version, found.time) == (expected.version, expected.time)
    for name in TABLES:
        assert same(found.frame(name), expected.frame(name)), name


def compacted(inventory, historian, places, keep=0):
    inventory.follow()
    checkpoint.Checkpoints(places / "checkpoint").write(inventory.leader.image)
    historian.follow(inventory.leader.image.version)
    found = compaction.limits(places / "checkpoint", directory(), keep, inventory.leader.clock())
    compaction.drop(found.last)
    return found


def test_any_version_is_what_it_was_by_log_by_files_and_by_both(versions, historian):
    head = max(versions)
    for until in (0, head // 2, head):
        written(historian, until)
        for version in (0, 1, head // 2, head // 2 + 1, head):
            assert_equal(asof.as_of(version), versions[version])
    assert archive.archive(directory()).last == head


def test_every_record_is_there_once_with_who_and_which_run(versions, historian):
    head = max(versions)
    written(historian, head)
    found = Past.of(archive.archive(directory())).records().collect()
    expected = UpdateRecord.objects.order_by("sequence").values_list("sequence", "author", "transaction", "time")
    assert found.select("sequence", "author", "transaction", "time").rows() == list(expected)
    assert historian.follow(head) == 0


def test_merged_segments_hold_the_same(versions, historian):
    head = max(versions)
    written(historian, head, piece=1)
    before = len(archive.archive(directory()).segments)
    while historian.merge():
        pass
    now = archive.archive(directory())
    assert len(now.segments) < before / 4 and now.end(0) == head and not now.covered
    for version in (head // 3, head):
        assert_equal(asof.as_of(version), versions[version])


def test_what_a_dead_writer_left_does_no_harm(versions, historian):
    head = max(versions)
    written(historian, head, piece=1)
    some = list(directory().iterdir())[:3]
    copies = [shutil.copytree(path, directory().parent / path.name) for path in some]
    while historian.merge():
        pass
    for path in copies:
        # Died between the merge and the removal of what was merged.
        shutil.copytree(path, directory() / path.name, dirs_exist_ok=True)
    (directory() / ".1-9.tmp").mkdir()
    (directory() / ".1-9.tmp" / "records.parquet").write_text("half")
    assert_equal(asof.as_of(head), versions[head])
    again = follower.Historian(directory())
    assert follower.position(directory()) == head and again.follow(head) == 0
    assert not list(directory().glob(".*")) and not archive.archive(directory()).covered


def test_who_asks_how_far_the_history_is_leaves_alone_what_is_being_written(versions, historian):
    written(historian, max(versions))
    scratch = directory() / ".1-9.tmp"
    scratch.mkdir()
    (scratch / "records.parquet").write_text("half")
    assert follower.position(directory()) == max(versions)
    assert (scratch / "records.parquet").read_text() == "half"


def test_segments_that_are_merged_while_they_are_checked_are_not_damaged(
    inventory, versions, historian, places, monkeypatch
):
    inventory.follow()
    checkpoint.Checkpoints(places / "checkpoint").write(inventory.leader.image)
    written(historian, max(versions), piece=1)
    check = segment.Segment.check

    def checked(one):
        monkeypatch.setattr(segment.Segment, "check", check)
        while historian.merge():
            pass
        one.check()

    monkeypatch.setattr(segment.Segment, "check", checked)
    assert compaction.limits(places / "checkpoint", directory(), 0, inventory.leader.clock()).last == max(versions)


def test_a_segment_that_is_gone_or_damaged_is_written_again_from_the_log(versions, historian):
    head = max(versions)
    written(historian, head)
    first, second, *_ = archive.archive(directory()).segments
    shutil.rmtree(first.directory)
    second.path("records").write_bytes(b"PAR1")
    assert archive.archive(directory()).damaged
    again = follower.Historian(directory())
    while again.follow(head):
        pass
    assert follower.position(directory()) == head and not archive.archive(directory()).damaged
    assert_equal(asof.as_of(head - 1), versions[head - 1])


def test_damage_that_keeps_the_size_is_seen_when_checked(versions, historian):
    written(historian, max(versions))
    (segment, *_) = archive.archive(directory()).segments
    content = bytearray(segment.path("records").read_bytes())
    content[len(content) // 2] ^= 1
    segment.path("records").write_bytes(content)
    with pytest.raises(HistoryDamaged, match=r"records\.parquet has changed .* move it away"):
        segment.check()


def test_the_history_of_another_database_is_not_touched(versions, historian):
    written(historian, max(versions))
    UpdateRecord.objects.filter(sequence=max(versions)).update(transaction="another")
    with pytest.raises(follower.HistoryForeign, match="history of another database"):
        follower.Historian(directory()).follow(max(versions) + 1)


def test_the_log_drops_what_others_have_and_every_version_stays(inventory, versions, historian, places):
    head = max(versions)
    found = compacted(inventory, historian, places)
    assert found.last == head == follower.dropped()
    with pytest.raises(RecordsDropped, match="inventory compact"):
        list(records_after(0))
    for version in (0, 1, head // 2, head):
        assert_equal(asof.as_of(version), versions[version])
    # A change set that is sent again is known all the same, and the log goes on.
    last = UpdateRecord.objects.get(sequence=head)
    assert client.commit(small(token=1)).version == head + 1
    from inventory.log import answered

    assert answered(last.transaction).version == head


def test_nothing_is_dropped_that_is_young_or_that_a_follower_lacks(inventory, versions, historian, places):
    assert compacted(inventory, historian, places, keep=1).last == 0
    shutil.rmtree(directory())
    assert compaction.limits(places / "checkpoint", directory(), 0, inventory.leader.clock()).last == 0


def test_a_clock_that_is_ahead_makes_no_row_old(inventory, versions, historian, places):
    compacted(inventory, historian, places, keep=1)
    ahead = inventory.leader.clock() + 400 * compaction.DAY
    assert compaction.limits(places / "checkpoint", directory(), 1, ahead).last == 0
    # Once time has really passed, there is a record of it.
    inventory.leader.clock = lambda: ahead
    inventory.commit(small(token=1))
    assert compaction.limits(places / "checkpoint", directory(), 1, ahead).last == max(versions)


def test_dropping_goes_on_where_it_was_killed(inventory, versions, historian, places, monkeypatch):
    monkeypatch.setattr(compaction, "BATCH_RECORDS", 5)

    def killed(sequence):
        if sequence >= 10:
            raise KeyboardInterrupt

    inventory.follow()
    with pytest.raises(KeyboardInterrupt):
        compaction.drop(20, killed)
    assert follower.dropped() == 10 and next(iter(records_after(10))).sequence == 11
    compaction.drop(20)
    assert follower.dropped() == 20


def test_without_history_what_was_dropped_cannot_be_had(inventory, versions, historian, places):
    head = max(versions)
    compacted(inventory, historian, places)
    shutil.rmtree(directory())
    assert_equal(asof.as_of(head), versions[head])
    with pytest.raises(VersionGone, match=rf"version 3 is not retained: versions {head} .* to {head} are retained"):
        asof.as_of(3)
    with pytest.raises(VersionGone, match=f"version {head + 5} is not retained"):
        client.as_of(head + 5)
    # The follower goes on with what the log has still.
    client.commit(small(token=1))
    again = follower.Historian(directory())
    again.follow(head + 1)
    assert follower.position(directory()) == head + 1 and archive.archive(directory()).segments[0].first == head + 1


def test_the_inventory_of_a_time(inventory, places):
    for now, name in ((1000, "A"), (2000, "B"), (3000, "C")):
        inventory.leader.clock = lambda now=now: now
        inventory.put(groups=[{"name": name}])
    assert [client.as_of(time=time).version for time in (999, 1000, 1999, 2000, 9999)] == [0, 1, 1, 2, 3]


def test_a_version_that_is_kept_is_not_made_again(inventory, versions):
    head = max(versions)
    with pytest.raises((VersionGone, InventoryUnavailable)):
        inventory.snapshot(version=1)
    assert_equal(client.as_of(1), versions[1])
    assert_equal(client.as_of(head), versions[head])


class Died(BaseException):
    """As a kill: nothing of the writer's own runs after it, but what Python does on the way out."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_writer_that_dies_anywhere_loses_and_doubles_nothing(versions, monkeypatch, seed):
    chance, head = random.Random(seed), max(versions)
    left = [0]

    def mortal(call):
        def called(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                raise Died
            return call(*arguments, **named)

        return called

    for name in ("synchronised", "remove", "_digest"):
        monkeypatch.setattr(segment, name, mortal(getattr(segment, name)))
    monkeypatch.setattr(segment.os, "replace", mortal(segment.os.replace))
    monkeypatch.setattr(follower, "remove", mortal(follower.remove))
    until = 0
    for _ in range(60):
        left[0] = chance.randint(1, 60)
        writer = follower.Historian(directory())
        with contextlib.suppress(Died):
            while until < head or follower.position(directory()) < head:
                until = min(head, until + 1)
                writer.follow(until)
                writer.merge()
        left[0] = 0
    while writer.follow(head) or writer.merge():
        pass
    found = Past.of(archive.archive(directory())).records().collect()["sequence"].to_list()
    assert found == list(range(1, head + 1)) and archive.archive(directory()).end(0) == head
    assert_equal(asof.as_of(head), versions[head])
