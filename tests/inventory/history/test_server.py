"""A real server writes the history as it goes, compacts on demand, and starts again from what is left."""

from __future__ import annotations

import json

import pytest
from django.test import override_settings

from inventory import checkpoint, client
from inventory.changes import ChangeSet
from inventory.history import archive, follower
from inventory.log_models import UpdatePart, UpdateRecord
from inventory.verify import verified
from tests.inventory.database.world import until
from tests.inventory.makers import random_changes
from tests.inventory.serving import Server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(tmp_path, child_environment):
    server = Server(tmp_path / "server", child_environment())
    yield server
    server.end()


def compacted(server):
    told = server.manage("inventory", "compact", "--keep-days", "0", "--json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def is_whole(path):
    try:
        checkpoint.load(path)
    except checkpoint.CheckpointDamaged:
        return False
    return True


def test_compact_while_a_server_leads_then_die_and_start_from_each_source(server):
    server.start()
    for changes in random_changes(3, 12):
        server.client().commit(changes)
    told = compacted(server)
    head = UpdateRecord.objects.count()
    assert told["dropped_until"] == told["records"] == head and told["bytes"] > 0 and not told["server"]
    assert not UpdatePart.objects.exists() and archive.archive(server.history).end(0) == head
    # The log goes on; a second time has little to do.
    server.client().commit(ChangeSet("x", 1).put("groups", [{"name": "later"}]))
    assert server.command("verify")[0] == 0
    server.kill()
    for source in ("checkpoint", "tables"):
        if source == "tables":
            for path in server.checkpoints.iterdir():
                (path / "manifest.json").write_text("{}")
        server.start()
        assert f'"source": "{source}' in server.log or f"source={source}" in server.log
        # From the tables it makes good what is damaged, a moment later.
        until(lambda: is_whole(checkpoint.newest_first(server.checkpoints)[0]))
        status, text = server.command("verify", "--json")
        verdict = json.loads(text)
        assert status == 0 and set(verdict["compared"]) >= {"image", "tables", "history", "log"}, text
        server.kill()


def test_the_history_is_complete_after_a_clean_stop_and_a_standby_goes_on_with_it(server, tmp_path, child_environment):
    server.start()
    for changes in random_changes(4, 5):
        server.client().commit(changes)
    compacted(server)
    server.client().commit(ChangeSet("x", 1).put("groups", [{"name": "last"}]))
    assert server.stop() == 0
    head = UpdateRecord.objects.count()
    assert archive.archive(server.history).end(0) == head
    # Elsewhere, with neither checkpoint nor history: the tables are where it starts.
    other = Server(tmp_path / "other", child_environment())
    try:
        other.start()
        # Nor does a checkpoint that is not there yet keep anybody from comparing the rest.
        nowhere = {"INVENTORY_CHECKPOINT_DIR": tmp_path / "none", "INVENTORY_HISTORY_DIR": other.history}
        with client.using(other.client()), override_settings(**nowhere):
            verdict = verified(tmp_path / "none")
        assert not verdict.differences and {"checkpoint", "log from zero"} <= set(verdict.skipped)
        with client.using(other.client()):
            version = other.client().commit(ChangeSet("x", 1).put("groups", [{"name": "elsewhere"}])).version
        assert version == head + 1
        status, text = other.command("verify", "--json")
        assert status == 0 and "log from zero" in json.loads(text)["skipped"]
        assert other.stop() == 0
        kept = archive.archive(other.history).segments
        assert (kept[0].first, kept[-1].last) == (follower.dropped() + 1, version)
    finally:
        other.end()
