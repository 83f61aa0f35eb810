"""A real server process: what writers and readers see of it, and what happens when it dies."""

from __future__ import annotations

import json
import random
import threading
import time

import polars as pl
import pytest
from django.db import transaction

from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, InventoryDenied, InventoryUnavailable, TurnLost, VersionGone
from inventory.image import Image
from inventory.schema import TABLES
from inventory.server.pins import Pins
from tests.inventory.makers import D, random_changes, same, small
from tests.inventory.serving import Server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(tmp_path, child_environment):
    server = Server(tmp_path / "server", child_environment())
    yield server
    server.end()


def test_writers_and_readers_near_and_far_see_the_same(server):
    server.start()
    near, far = server.client(), server.client(local=False)
    commit = far.commit(small(token=3))
    assert commit.version == 1 and commit.counts["files"]["put"] == 3
    for name in TABLES:
        assert same(near.snapshot(at_least=1).frame(name), far.snapshot(at_least=1).frame(name)), name
    assert near.snapshot(version=0).frame("files").is_empty()
    with pytest.raises(ChangeRefused) as caught:
        far.commit(ChangeSet("a", 3).put("quotas", [{"site": "Nowhere", "partition": "Nothing", "quota": 1}]))
    assert any("Nowhere" in problem.what for problem in caught.value.problems)
    with pytest.raises(TurnLost):
        near.commit(ChangeSet("a", 2).put("sites", [{"name": "X"}]))
    assert far.commit(small(token=3)).version == 2
    near.snapshot(at_least=2)
    with pytest.raises(VersionGone):
        far.snapshot(version=99)
    status = near.status()
    assert (status["version"], status["counts"]["files"]) == (2, 3) and status["memory"] > 2**20


@pytest.mark.parametrize("local", [True, False], ids=["near", "far"])
def test_what_anybody_was_answered_is_seen_by_everybody_at_once(server, local):
    """A commit is answered before it is published: whoever acts on the answer, in another process, waits for it."""
    server.start()
    writer = server.client()
    reader = server.client(local=local)
    for number in range(100):
        version = writer.commit(ChangeSet("a", 1).put("sites", [{"name": f"T2_{number}"}])).version
        assert reader.snapshot().version >= version
        assert server.client(local=local).snapshot().frame("sites").height == number + 1


def test_a_version_that_a_reader_holds_stays_as_it_was(server):
    server.start()
    near, far = server.client(), server.client(local=False)
    near.commit(small())
    held = (near.snapshot(), far.snapshot())
    for number in range(40):
        near.commit(ChangeSet("a", 1).put("files", [{"dataset": D, "block": "b1", "lfn": f"/x/{number}", "size": 1}]))
    assert [snapshot.frame("files").height for snapshot in held] == [3, 3]
    assert near.snapshot().frame("files").height == 43


def test_the_token_is_needed_for_everything(server):
    server.start()
    for token in ("", "wrong", "a-token-of-test"):
        stranger = server.client(local=False, token=token)
        for call in (stranger.snapshot, stranger.status, lambda stranger=stranger: stranger.commit(small())):
            with pytest.raises(InventoryDenied):
                call()
    assert server.client().snapshot().version == 0


def test_a_big_change_set_goes_through(server):
    server.start()
    near = server.client()
    near.commit(small())
    files = pl.select(number=pl.int_range(200_000)).select(
        dataset=pl.lit(D),
        block=pl.lit("b1"),
        lfn=pl.format("/store/mc/big/{}/file-{}.root", pl.col("number") % 100, "number"),
        size=pl.col("number") + 1,
    )
    assert near.commit(ChangeSet("a", 1).put("files", files)).counts["files"]["put"] == 200_000
    block = near.snapshot().frame("blocks").row(by_predicate=pl.col("name") == "b1", named=True)
    assert (block["num_files"], block["size"]) == (200_003, 200_000 * 200_001 // 2 + 33)


def test_damaged_bytes_are_refused_and_the_server_goes_on(server):
    from pyarrow import flight

    from inventory.server import wire
    from inventory.server.flight import STREAM, stream_of
    from tests.inventory.serving import TOKEN

    server.start()
    good = wire.packed(small())
    draw = random.Random(5)
    connection = flight.FlightClient(server.url)
    options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {TOKEN}".encode())])
    for _ in range(60):
        data = bytearray(good)
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        sent = bytes(data[: draw.choice((len(data), draw.randrange(len(data))))])
        writer, answers = connection.do_put(flight.FlightDescriptor.for_command(b"commit"), STREAM, options)
        for batch in stream_of(sent):
            writer.write_batch(batch)
        writer.done_writing()
        answer = json.loads(answers.read().to_pybytes())
        assert answer.get("error") in ("ChangeRefused", "TurnLost") or "commit" in answer
        writer.close()
    assert server.process.poll() is None
    assert server.client().commit(small(token=2**60)).version >= 1


def test_everything_acknowledged_is_there_once_whenever_the_server_is_killed(server):
    draw = random.Random(11)
    acknowledged: dict[str, int] = {}
    sent = 0
    for round_number in range(4):
        server.start()
        client = server.client(local=bool(round_number % 2))
        timer = threading.Timer(draw.uniform(0.05, 0.6), server.kill)
        timer.start()
        while True:
            name = f"transaction-{sent}"
            row = {"dataset": D, "block": "b1", "lfn": f"/kill/{sent}", "size": sent}
            changes = (
                ChangeSet("a", 1, transaction=name)
                .put("datasets", [{"name": D}])
                .put("blocks", [{"dataset": D, "name": "b1"}])
            )
            try:
                acknowledged[name] = client.commit(changes.put("files", [row])).version
            except InventoryUnavailable:
                break
            sent += 1
        timer.join()
    server.start()
    client = server.client()
    lfns = client.snapshot().frame("files")["base_name"].to_list()
    assert sorted(set(lfns), key=int) == sorted(lfns, key=int)
    assert {str(number) for number in range(sent)} <= set(lfns) and len(acknowledged) == sent > 5
    again = ChangeSet("a", 1, transaction="transaction-0").put("datasets", [{"name": "/other"}])
    assert client.commit(again).version == acknowledged["transaction-0"]
    assert server.command("verify")[0] == 0


def test_verify_finds_equal_followers_and_names_what_differs(server):
    server.start()
    for changes in random_changes(3, 12):
        server.client().commit(changes)
    assert server.stop() == 0
    assert server.checkpoints.exists()
    server.start()
    assert "source='checkpoint 13'" in server.log or "checkpoint 13" in server.log
    server.client().commit(ChangeSet("a", 1).put("sites", [{"name": "late"}]))
    status, found = server.command("verify", "--json")
    assert status == 0 and {"image", "tables", "checkpoint", "log"} <= set(json.loads(found)["compared"])
    from inventory.models import Site

    _until(lambda: Site.objects.filter(name="late").exists())
    Site.objects.filter(name="T2_A").update(host="elsewhere")
    found = server.manage("inventory", "verify")
    assert found.returncode == 1 and "tables, sites: 1 rows" in found.stdout and "elsewhere" in found.stdout


def test_a_damaged_checkpoint_is_refused_and_the_tables_are_used(server):
    server.start()
    server.client().commit(small())
    assert server.stop() == 0
    (checkpoint,) = server.checkpoints.iterdir()
    damaged = checkpoint / "files-0.arrow"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    server.start()
    assert "files-0.arrow has changed since it was written" in server.log
    assert server.client().snapshot().frame("files").height == 3


def test_status_tells_what_operators_ask(server):
    code, without = server.command("status", "--json")
    assert code == 1 and json.loads(without)["running"] is False
    server.start()
    near = server.client()
    near.commit(small())
    near.snapshot()
    _until(lambda: json.loads(server.command("status", "--json")[1])["lag"]["tables"] == 0)
    status = json.loads(server.command("status", "--json")[1])
    assert (status["version"], status["log_head"], status["epoch"], status["counts"]["sites"]) == (1, 1, 1, 2)
    shown = server.manage("inventory", "status")
    assert shown.returncode == 0 and "version   1 of" in shown.stdout


def test_a_second_server_is_refused_and_can_take_over(server, tmp_path, child_environment):
    server.start()
    server.client().commit(small())
    second = Server(server.home, server.environment, server.port)
    refused = second.manage("inventory_server")
    assert refused.returncode == 1 and "already leads" in refused.stderr and "Traceback" not in refused.stderr
    first = server.process
    second.start("--take-over")
    try:
        assert first.wait(30) == 3
        assert second.client().commit(ChangeSet("a", 1).put("sites", [{"name": "X"}])).version == 2
        assert second.stop() == 0
    finally:
        second.end()


def test_a_standby_leads_when_the_leader_dies_and_writers_find_it(server, tmp_path):
    server.start()
    writer = server.client(local=False)
    writer.commit(small())
    standby = Server(tmp_path / "standby", server.environment).start("--standby", wait=False)
    try:
        time.sleep(3)
        assert "ready at" not in standby.log and standby.process.poll() is None
        server.kill()
        _until(lambda: "ready at" in standby.log, 30)
        with pytest.raises(InventoryUnavailable):
            writer.commit(ChangeSet("a", 1).put("sites", [{"name": "X"}]))
        assert writer.commit(ChangeSet("a", 1).put("sites", [{"name": "X"}])).version == 2
        assert writer.snapshot().frame("files").height == 3
    finally:
        standby.end()


def test_a_commit_within_a_transaction_is_refused_before_it_can_wait_for_itself(server):
    server.start()
    with transaction.atomic(), pytest.raises(transaction.TransactionManagementError):
        server.client().commit(small())


def test_an_installation_without_tables_gets_one_clear_line(server, tmp_path):
    server.environment["DATABASE_URL"] = f"sqlite:///{tmp_path / 'new.sqlite3'}"
    for command in (["inventory_server"], ["inventory", "verify"]):
        found = server.manage(*command)
        assert found.returncode == 1 and "Traceback" not in found.stderr and "no such table" in found.stderr, command


def test_readers_keep_the_last_version_while_the_server_is_down(server):
    server.start()
    near = server.client()
    near.commit(small())
    near.snapshot()
    server.kill()
    assert server.client().snapshot().frame("files").height == 3
    with pytest.raises(InventoryUnavailable):
        near.commit(small())
    with pytest.raises(InventoryUnavailable):
        server.client(local=False).snapshot()


def test_small_commits_and_snapshots_are_quick(server):
    server.start()
    near = server.client()
    near.commit(small())
    commits, snapshots = [], []
    for number in range(30):
        started = time.perf_counter()
        near.commit(ChangeSet("a", 1).put("files", [{"dataset": D, "block": "b1", "lfn": f"/x/{number}", "size": 1}]))
        commits.append(time.perf_counter() - started)
        started = time.perf_counter()
        assert near.snapshot().frame("files").height == 4 + number
        snapshots.append(time.perf_counter() - started)
    print("commit ms", 1000 * sorted(commits)[15], "snapshot ms", 1000 * sorted(snapshots)[15])
    # A commit is answered a moment before its version is published.
    assert sorted(snapshots)[15] < 0.3
    assert sorted(commits)[15] < 0.3


def _until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_version_opened_anew_stays_open_for_the_whole_time(monkeypatch):
    pins = Pins()
    first, second = (Image.from_frames({}, version=version).snapshot() for version in (1, 2))
    for seconds, opened in ((0, first), (800, first), (1000, second)):
        monkeypatch.setattr("inventory.server.pins.time.monotonic", lambda seconds=seconds: float(seconds))
        pins.open(opened)
        pins.clean()
    monkeypatch.setattr("inventory.server.pins.time.monotonic", lambda: 1500.0)
    assert pins.snapshot(1) is first
    monkeypatch.setattr("inventory.server.pins.time.monotonic", lambda: 1950.0)
    pins.clean()
    assert len(pins) == 1, "nobody fetched from the second since 1000"
    with pytest.raises(VersionGone):
        pins.snapshot(2)
    pins.close([1, 2, 7])
    assert pins.snapshot(1) is first, "another reader has it open"
    pins.close([1])
    assert len(pins) == 0
