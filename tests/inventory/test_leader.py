"""Committing to a leader in this process."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from inventory import client, followers, log
from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, LeadershipLost, TurnLost, VersionGone
from inventory.image import Image
from inventory.leader import Leader
from inventory.log_models import UpdateRecord
from inventory.models import Site
from inventory.recovery import recovered
from inventory.schema import TABLES
from inventory.store import ImageUnreadable
from tests.inventory.makers import random_changes, same, small

pytestmark = pytest.mark.django_db


def test_a_commit_is_seen_by_the_next_snapshot_and_not_by_earlier_ones(inventory):
    before = inventory.snapshot()
    commit = inventory.commit(small())
    after = inventory.snapshot(at_least=commit.version)
    assert (before.version, after.version, commit.version) == (0, 1, 1)
    assert before.frame("sites").is_empty() and set(after.frame("sites")["name"]) == {"T2_A", "T2_B"}
    assert commit.counts["sites"] == {"put": 2, "deleted": 0}
    assert inventory.snapshot(version=0).frame("sites").is_empty()
    with pytest.raises(VersionGone):
        inventory.snapshot(version=7)


def test_a_repeated_send_gets_the_first_answer_even_when_things_have_changed_since(inventory):
    changes = small()
    first = inventory.commit(changes)
    inventory.commit(ChangeSet("a", 5).delete("datasets", [{"name": "/a/b/RAW"}]))
    assert inventory.commit(changes) == first
    assert inventory.snapshot().frame("datasets").is_empty()
    assert UpdateRecord.objects.count() == 2


def test_an_older_token_cannot_write(inventory):
    inventory.commit(ChangeSet("a", 7).put("sites", [{"name": "A"}]))
    with pytest.raises(TurnLost, match="older than 7"):
        inventory.commit(ChangeSet("a", 6).put("sites", [{"name": "B"}]))
    assert inventory.snapshot().frame("sites")["name"].to_list() == ["A"]


def test_a_leader_that_was_overtaken_cannot_write(inventory):
    row = log.take_lead()
    image, _ = recovered(row.head)
    new = Leader(row.epoch, image, row.next_ids)
    with pytest.raises(LeadershipLost):
        inventory.commit(ChangeSet("a", 1).put("sites", [{"name": "A"}]))
    assert new.commit(ChangeSet("a", 1).put("sites", [{"name": "A"}])).version == 1


def test_a_refused_change_set_changes_nothing_and_tells_all(inventory):
    changes = (
        ChangeSet("a", 1).put("sites", [{"name": "A"}]).put("quotas", [{"site": "Z", "partition": "Q", "quota": 1}])
    )
    with pytest.raises(ChangeRefused) as caught:
        inventory.commit(changes)
    assert len(caught.value.problems) >= 1 and "Z" in str(caught.value)
    assert inventory.snapshot().version == 0 and not UpdateRecord.objects.exists()


def test_an_empty_change_set_makes_no_record(inventory):
    assert inventory.commit(ChangeSet("a", 1)).version == 0
    assert not UpdateRecord.objects.exists()


def test_the_log_refuses_senders_that_it_cannot_name(inventory):
    with pytest.raises(ChangeRefused) as caught:
        inventory.commit(ChangeSet("", -1, service="s" * 200).put("sites", [{"name": "A"}]))
    assert {problem.where for problem in caught.value.problems} == {"author", "token", "service"}


def test_ids_are_never_used_again(inventory):
    inventory.commit(small())
    first = inventory.snapshot().row("datasets", "/a/b/RAW")
    inventory.commit(ChangeSet("a", 1).delete("datasets", [{"name": "/a/b/RAW"}]))
    inventory.commit(ChangeSet("a", 1).put("datasets", [{"name": "/a/b/RAW"}]))
    assert inventory.snapshot().row("datasets", "/a/b/RAW")["dataset_id"] > first["dataset_id"]
    row = log.take_lead()
    image, _ = recovered(row.head)
    again = Leader(row.epoch, image, row.next_ids)
    again.commit(ChangeSet("a", 1).delete("datasets", [{"name": "/a/b/RAW"}]))
    row = log.take_lead()
    image, _ = recovered(row.head)
    again = Leader(row.epoch, image, row.next_ids)
    again.commit(ChangeSet("a", 1).put("datasets", [{"name": "/a/b/RAW"}]))
    assert again.snapshot().row("datasets", "/a/b/RAW")["dataset_id"] == first["dataset_id"] + 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_image_tables_and_replay_are_equal_after_any_history(inventory, seed):
    for number, changes in enumerate(random_changes(seed, 25)):
        inventory.commit(changes)
        if number % 7 == seed:
            followers.follow()
    image = inventory.leader.image
    inventory.follow()
    assert followers.position() == image.version
    tables, replay = followers.read_tables(), Image.from_frames({})
    for record in log.records_after(0):
        replay = replay.after(record.delta, record.sequence, record.time)
    for name in TABLES:
        expected = image.snapshot().frame(name)
        assert same(tables.snapshot().frame(name), expected), name
        assert same(replay.snapshot().frame(name), expected), name
    assert followers.follow() == 0


def test_a_record_is_applied_to_the_tables_once(inventory):
    inventory.commit(small())
    (record,) = log.records_after(0)
    assert (followers.apply(record), followers.apply(record)) == (1, 0)
    assert Site.objects.count() == 2


@pytest.mark.parametrize("again", [True, False])
def test_what_was_committed_though_the_answer_was_lost_is_there_before_anything_else(inventory, monkeypatch, again):
    real = log.append

    def unanswered(*arguments):
        real(*arguments)
        raise OperationalError("Lost connection to server during query")

    monkeypatch.setattr(log, "append", unanswered)
    changes = small()
    with pytest.raises(OperationalError):
        inventory.commit(changes)
    monkeypatch.setattr(log, "append", real)
    next_one = ChangeSet("a", 1).put("sites", [{"name": "X"}])
    version = inventory.commit(changes if again else next_one).version
    assert (version, log.leadership().head) == ((1, 1) if again else (2, 2))
    assert inventory.snapshot(version=1).frame("files").height == 3
    assert same(recovered(version)[0].snapshot().frame("sites"), inventory.snapshot().frame("sites"))


def test_a_leader_in_whose_place_another_has_written_does_not_answer_for_it(inventory):
    row = log.take_lead()
    new = Leader(row.epoch, recovered(row.head)[0], row.next_ids)
    changes = small()
    new.commit(changes)
    with pytest.raises(LeadershipLost, match="another server"):
        inventory.commit(changes)


def test_an_image_that_cannot_be_mapped_ends_the_leader_like_one_that_cannot_be_written(inventory):
    def publish(image):
        if image.version:
            raise ImageUnreadable("files-0.arrow: Input/output error")
        return image

    row = log.take_lead()
    leader = Leader(row.epoch, recovered(row.head)[0], row.next_ids, publish)
    with pytest.raises(LeadershipLost, match="version 1 is committed"):
        leader.commit(small())


def test_a_change_set_of_many_parts_comes_back_whole(inventory, monkeypatch):
    monkeypatch.setattr(log, "PART_BYTES", 1000)
    inventory.commit(small())
    files = [
        {"dataset": "/a/b/RAW", "block": "b1", "lfn": f"/store/{i * 7919 % 10007}", "size": i} for i in range(3000)
    ]
    client.commit(ChangeSet("a", 1).put("files", files))
    assert UpdateRecord.objects.get(sequence=2).parts.count() > 10
    image, _ = recovered(2)
    assert same(image.snapshot().frame("files"), inventory.snapshot().frame("files"))
