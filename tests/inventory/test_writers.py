"""Many writers at a time: groups in one transaction, large change sets, back-pressure, and room that is given back."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from pyarrow import flight

from inventory import log, remote
from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, InventoryBusy, InventoryUnavailable, TurnLost
from inventory.log import Commit
from inventory.log_models import UpdateRecord
from inventory.models import TunedSetting
from inventory.schema import TABLES
from inventory.server import wire
from inventory.server.flight import STREAM, stream_of
from inventory.server.spool import IN_MEMORY, SpoolRoom
from inventory.server.waiting import WaitingRoom
from tests.inventory.makers import D, same, small
from tests.inventory.serving import TOKEN, Server


def site(name: str, token: int = 1, **more: str) -> ChangeSet:
    return ChangeSet("tester", token, **more).put("sites", [{"name": name}])


@pytest.mark.django_db
class TestGroups:
    def test_each_is_resolved_on_those_before_it_and_all_are_in_one_transaction(
        self, inventory, django_assert_max_num_queries
    ):
        dataset = ChangeSet("a", 1).put("datasets", [{"name": D}])
        block = ChangeSet("b", 1).put("blocks", [{"dataset": D, "name": "b1"}])
        with django_assert_max_num_queries(14):
            answers = inventory.leader.append([dataset, block, site("T2_A")])
        assert [answer.version for answer in answers] == [1, 2, 3]
        assert inventory.leader.image.version == 0
        inventory.leader.publish()
        snapshot = inventory.snapshot(at_least=3)
        assert snapshot.frame("blocks")["name"].to_list() == ["b1"]
        assert list(UpdateRecord.objects.order_by("sequence").values_list("author", flat=True)) == ["a", "b", "tester"]
        replay = log.records_after(0)
        assert [record.sequence for record in replay] == [1, 2, 3]

    def test_one_that_is_refused_or_late_hurts_no_other(self, inventory):
        unknown = ChangeSet("a", 6).put("blocks", [{"dataset": "/no/such/ONE", "name": "b"}])
        group = [
            site("A", 5),
            unknown,
            site("B", 4),
            site("C", 6),
            ChangeSet("a", 6),
            ChangeSet("", 6).put("sites", [{"name": "D"}]),
        ]
        first, refused, late, last, empty, nobody = inventory.leader.append(group)
        assert (first.version, last.version, empty.counts) == (1, 2, {})
        assert isinstance(refused, ChangeRefused) and isinstance(late, TurnLost) and isinstance(nobody, ChangeRefused)
        inventory.leader.publish()
        assert inventory.snapshot().frame("sites")["name"].to_list() == ["A", "C"]
        assert log.leadership().token == 6

    def test_a_repeated_send_gets_the_first_answer_also_within_a_group(self, inventory):
        once = inventory.commit(site("A", transaction="one"))
        answers = inventory.leader.append(
            [site("B", transaction="two"), site("A", transaction="one"), site("B", transaction="two")]
        )
        assert answers[1] == once and answers[0] == answers[2] and answers[0].version == 2
        assert UpdateRecord.objects.count() == 2

    def test_ids_are_given_once_within_a_group(self, inventory):
        names = [f"/d{number}/x/Y" for number in range(5)]
        inventory.leader.append([ChangeSet("a", 1).put("datasets", [{"name": name}]) for name in names])
        inventory.leader.publish()
        datasets = inventory.snapshot().frame("datasets")
        assert dict(datasets.select("name", "dataset_id").iter_rows()) == {
            name: place for place, name in enumerate(names, 1)
        }


class Slow:
    """Commits when it is let; remembers the groups."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.groups: list[list[str]] = []
        self.published = 0

    def commit(self, group: list[ChangeSet]) -> list[Commit]:
        assert self.go.wait(30)
        self.groups.append([changes.transaction for changes in group])
        return [Commit(len(self.groups), changes.transaction, 0) for changes in group]

    def publish(self) -> None:
        self.published += 1


def send(room: WaitingRoom, changes: ChangeSet) -> Commit:
    with room.place() as spool:
        for batch in stream_of(wire.packed(changes)):
            spool.add(batch.column(0)[0].as_py())
        return room.commit(spool)


class TestWaiting:
    def test_those_who_come_during_a_commit_are_taken_together(self, tmp_path):
        slow = Slow()
        room = WaitingRoom(slow.commit, slow.publish, 20, SpoolRoom(tmp_path, 10**9, 10**9))
        with ThreadPoolExecutor(9) as pool:
            sent = [pool.submit(send, room, site(f"S{number}")) for number in range(9)]
            until(lambda: room._present == 9)
            time.sleep(0.2)
            slow.go.set()
            assert len({answer.result().transaction for answer in sent}) == 9
        room.close()
        assert sum(map(len, slow.groups)) == 9 and len(slow.groups) <= 3
        assert slow.published == len(slow.groups) and room._present == 0

    def test_beyond_the_bound_senders_are_told_when_to_try_again(self, tmp_path):
        slow = Slow()
        room = WaitingRoom(slow.commit, slow.publish, 3, SpoolRoom(tmp_path, 10**9, 10**9))
        with ThreadPoolExecutor(3) as pool:
            sent = [pool.submit(send, room, site(f"S{number}")) for number in range(3)]
            until(lambda: room._present == 3)
            with pytest.raises(InventoryBusy, match="3 change sets wait already; try again in") as caught:
                send(room, site("too many"))
            assert 0 < caught.value.seconds <= 30
            slow.go.set()
            assert all(answer.result() for answer in sent)
        assert send(room, site("later"))
        room.close()
        with pytest.raises(InventoryUnavailable, match="ending"):
            send(room, site("too late"))

    def test_what_is_large_goes_to_the_disk_and_its_room_is_given_back(self, tmp_path):
        spools = SpoolRoom(tmp_path, largest=8 * IN_MEMORY, total=10 * IN_MEMORY)
        piece = bytes(range(256)) * (IN_MEMORY // 256)
        with spools.spool() as spool:
            spool.add(piece)
            assert not spool.is_large()
            for _ in range(5):
                spool.add(piece)
            assert spool.is_large() and bytes(spool.content()) == piece * 6
            assert not list(tmp_path.iterdir())
            with spools.spool() as other:
                for _ in range(4):
                    other.add(piece)
                with pytest.raises(InventoryBusy, match="all the room"):
                    other.add(piece)
        with spools.spool() as spool:
            for _ in range(8):
                spool.add(piece)
            with pytest.raises(ChangeRefused, match=r"setting inventory\.change_set_bytes allows"):
                spool.add(b"x")

    def test_a_full_disk_is_told_and_nothing_is_left(self):
        full = SpoolRoom(Path("/proc/self/none"), 10**9, 10**9)
        with full.spool() as spool:
            spool.add(b"x" * IN_MEMORY)
            with pytest.raises(InventoryUnavailable, match="has no room for a change set"):
                spool.add(b"x")
        assert full._taken == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestServer:
    @pytest.fixture
    def server(self, tmp_path, child_environment):
        server = Server(tmp_path / "server", child_environment())
        yield server
        server.end()

    def test_many_senders_are_all_answered_once_and_memory_is_bounded(self, server):
        TunedSetting.objects.create(component="inventory", name="waiting_change_sets", value=4)
        server.start()
        server.client().commit(small())
        before = resident(server)
        files = [[(sender, number) for number in range(6)] for sender in range(16)]

        def run(own):
            client = server.client(local=False)
            return [client.commit(file_of(*one)).version for one in own]

        with ThreadPoolExecutor(len(files)) as pool:
            versions = [version for taken in pool.map(run, files) for version in taken]
        assert sorted(versions) == list(range(2, 98))
        assert server.client().snapshot(at_least=97).frame("files").height == 3 + 96
        assert resident(server) - before < 300e6
        assert server.command("verify")[0] == 0

    def test_two_million_rows_in_one_change_set(self, server):
        server.start()
        near = server.client()
        near.commit(small())
        rows = pl.select(number=pl.int_range(2_000_000)).select(
            dataset=pl.lit(D), block=pl.lit("b1"),
            lfn=pl.format("/store/mc/big/{}/file-{}.root", pl.col("number") % 1000, "number"), size=pl.col("number") + 1,
        )  # fmt: skip
        before = resident(server)
        commit = near.commit(ChangeSet("a", 1).put("files", rows))
        assert commit.counts["files"]["put"] == 2_000_000
        grown = (resident(server) - before) / rows.height
        assert grown < 1500, f"{grown:.0f} bytes a row"
        block = near.snapshot().frame("blocks").row(by_predicate=pl.col("name") == "b1", named=True)
        assert block["num_files"] == 2_000_003

    def test_what_is_larger_than_allowed_is_refused_and_nothing_of_a_sender_that_dies_is_left(self, server):
        TunedSetting.objects.create(component="inventory", name="change_set_bytes", value=3 * IN_MEMORY)
        server.start()
        near = server.client()
        near.commit(small())
        draw = random.Random(4)
        noise = pl.DataFrame({"name": [draw.randbytes(64).hex() for _ in range(80_000)]})
        with pytest.raises(ChangeRefused, match="3,145,728 bytes that the setting"):
            near.commit(ChangeSet("a", 1).put("datasets", noise))
        options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {TOKEN}".encode())])
        half = wire.packed(ChangeSet("a", 1).put("datasets", noise.head(30_000)))[:-1000]
        assert IN_MEMORY < len(half) < 3 * IN_MEMORY
        for _ in range(66):
            connection = flight.FlightClient(server.url, generic_options=[("grpc.use_local_subchannel_pool", 1)])
            writer, _ = connection.do_put(flight.FlightDescriptor.for_command(b"commit"), STREAM, options)
            for batch in stream_of(half):
                writer.write_batch(batch)
            connection.close()
            del writer, connection
        assert near.commit(site("after")).version == 2
        assert not [path for path in server.checkpoints.iterdir() if not path.name.isdigit()]

    def test_old_versions_give_their_space_back_while_readers_come_and_go(self, server, monkeypatch):
        server.start()
        near, far = server.client(), server.client(local=False)
        near.commit(small())
        sizes, files = [], []
        for number in range(120):
            version = near.commit(file_of(0, number)).version
            held = [client.snapshot(at_least=version) for client in (near, far)]
            assert same(*(snapshot.frame("files") for snapshot in held))
            assert held[1].frame("sites").schema == TABLES["sites"].schema
            if number % 40 == 39:
                sizes.append(resident(server))
                files.append(len(list(server.image.iterdir())))
        assert sizes[-1] - sizes[0] < 60e6
        assert server.client().status()["open_versions"] <= 2


def file_of(sender: int, number: int) -> ChangeSet:
    row = {"dataset": D, "block": "b1", "lfn": f"/store/{sender}/{number}", "size": 1}
    return ChangeSet("tester", 1, transaction=f"{sender}-{number}").put("files", [row])


def resident(server: Server) -> int:
    """Largest resident memory of the server so far, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_client_waits_and_sends_again_until_its_patience_ends(monkeypatch):
    tries = []

    class Busy(remote.ServerBackend):
        def _sent(self, data):
            tries.append(data)
            if len(tries) < 4:
                raise InventoryBusy("3 change sets wait already", 0.01)
            return Commit(7, "t", 0)

    backend = Busy("grpc://127.0.0.1:1", "", None)
    assert backend.commit(site("A")).version == 7 and len(set(tries)) == 1 and len(tries) == 4
    tries.clear()
    monkeypatch.setattr(remote, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(InventoryBusy):
        backend.commit(site("A"))
