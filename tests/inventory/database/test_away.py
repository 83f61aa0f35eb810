"""The database goes away, loses connections, hangs, and comes back; the inventory server is not touched."""

from __future__ import annotations

import threading
import time

import pytest

from inventory import sending
from inventory.errors import InventoryUnavailable, OutcomeUnknown
from tests.inventory.database.world import until

pytestmark = [pytest.mark.slow, pytest.mark.services]


def test_a_stopped_database_refuses_writes_with_the_reason_and_readers_go_on(world):
    near, far = world.server.client(), world.server.client(local=False)
    version = near.commit(world.site()).version
    epoch = near.status()["epoch"]
    world.proxy.refuse()
    changes = world.site()
    with pytest.raises(InventoryUnavailable, match=r"does not answer.*nothing was changed") as caught:
        near.commit(changes)
    assert not isinstance(caught.value, OutcomeUnknown)
    until(lambda: "database" in world.trouble())
    started = time.monotonic()
    with pytest.raises(InventoryUnavailable, match=r"since 20\d\d-"):
        far.commit(changes)
    assert time.monotonic() - started < 2
    assert near.snapshot().version == far.snapshot().version == version
    assert far.snapshot(at_least=version).frame("sites").height == near.snapshot().frame("sites").height
    until(lambda: "tables" in world.trouble())
    shown = world.server.manage("inventory", "status")
    assert "does not answer" in shown.stdout and "Traceback" not in shown.stderr
    world.proxy.healthy()
    until(world.is_well)
    assert near.commit(changes).version == version + 1 and world.records(changes.transaction) == 1
    assert near.status()["epoch"] == epoch
    begun = [line for line in world.server.log.splitlines() if "inventory_trouble_begins" in line]
    assert len(begun) == len({line.split("part")[1][:16] for line in begun}), begun


def test_a_cut_connection_is_not_noticed_by_writers(world):
    near = world.server.client()
    for _ in range(3):
        world.proxy.cut()
        changes = world.site()
        near.commit(changes)
        assert world.records(changes.transaction) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_to_a_commit_is_resolved_before_the_writer_is_answered(world, when):
    near = world.server.client()
    near.commit(world.site())
    changes = world.site()
    cut = world.proxy.commits_cut
    world.cut_next_append(when)
    if when == "after":
        commit = near.commit(changes)
        assert near.snapshot().version == commit.version
    else:
        with pytest.raises(InventoryUnavailable, match="is not there, nothing was changed"):
            near.commit(changes)
    assert world.proxy.commits_cut == cut + 1
    assert world.records(changes.transaction) == (when == "after")
    assert near.commit(world.site()).version == near.snapshot().version


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_outcome_that_nobody_can_tell_is_told_as_unknown_and_resolved_by_the_client(world, when, monkeypatch):
    near = world.server.client()
    version = near.commit(world.site()).version
    monkeypatch.setattr(sending, "RESOLVE_SECONDS", 1.0)
    changes = world.site()
    world.cut_next_append(when, then_refuse=True)
    with pytest.raises(OutcomeUnknown):
        near.commit(changes)
    assert near.status()["in_doubt"] and near.snapshot().version == version
    with pytest.raises(InventoryUnavailable) as caught:
        near.commit(world.site())
    assert not isinstance(caught.value, OutcomeUnknown)
    monkeypatch.setattr(sending, "RESOLVE_SECONDS", 60.0)
    answers = []
    writer = threading.Thread(target=lambda: answers.append(world.server.client().commit(changes)))
    world.proxy.healthy()
    until(lambda: not near.status()["in_doubt"])
    until(lambda: near.snapshot().version == version + (when == "after"))
    writer.start()
    writer.join(60)
    assert answers[0].version == version + 1 and world.records(changes.transaction) == 1


def test_a_client_waits_for_an_answer_that_was_lost_and_gets_it(world):
    near = world.server.client()
    changes = world.site()
    world.cut_next_append("after", then_refuse=True)
    answers = []
    writer = threading.Thread(target=lambda: answers.append(near.commit(changes)))
    writer.start()
    until(lambda: near.status()["in_doubt"])
    world.proxy.healthy()
    writer.join(60)
    assert world.records(changes.transaction) == 1 and near.snapshot().version >= answers[0].version


def test_a_database_that_swallows_everything_makes_nobody_wait_longer_than_told(world):
    near = world.server.client()
    version = near.commit(world.site()).version
    world.proxy.swallows = True
    started = time.monotonic()
    with pytest.raises(InventoryUnavailable):
        near.commit(world.site())
    assert time.monotonic() - started < 40
    until(lambda: "database" in world.trouble())
    started = time.monotonic()
    with pytest.raises(InventoryUnavailable, match="nothing was changed"):
        near.commit(world.site())
    assert time.monotonic() - started < 2
    assert near.snapshot().version == version
    world.proxy.healthy()
    until(world.is_well)
    assert near.commit(world.site()).version == version + 1


def test_a_slow_database_is_waited_for(world):
    near = world.server.client()
    world.proxy.delay = 0.1
    changes = world.site()
    near.commit(changes)
    world.proxy.delay = 0.0
    assert world.records(changes.transaction) == 1


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_mariadb_itself_dies_or_hangs_and_nothing_acknowledged_is_lost_or_doubled(world, how):
    stop, acknowledged, sent = threading.Event(), {}, []

    def write():
        near = world.server.client()
        while not stop.is_set():
            changes = world.site(f"{how}-{len(sent)}")
            sent.append(changes.transaction)
            while not stop.is_set():
                try:
                    acknowledged[changes.transaction] = near.commit(changes).version
                    break
                except InventoryUnavailable:
                    time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    until(lambda: len(acknowledged) > 3)
    if how == "kill":
        world.mariadb.kill()
    else:
        world.mariadb.pause(True)
    until(lambda: "database" in world.trouble())
    if how == "kill":
        world.mariadb.start()
    else:
        world.mariadb.pause(False)
    before = len(acknowledged)
    until(lambda: len(acknowledged) > before + 2)
    stop.set()
    writer.join(60)
    assert {name: world.records(name) for name in acknowledged} == dict.fromkeys(acknowledged, 1)
    names = world.server.client().snapshot().frame("sites")["name"].to_list()
    assert {name.removeprefix("puts ") for name in acknowledged} <= set(names) and len(names) == len(set(names))
    until(world.is_well)
    found = world.server.manage("inventory", "verify")
    assert found.returncode == 0, found.stdout + found.stderr
