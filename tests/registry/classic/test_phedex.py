"""Calls of the PhEDEx data service: whole answers, as its clients know them."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest
from django.test import Client

from inventory.changes import ChangeSet
from registry.classic import replicas
from tests.registry.classic.world import NOW, ODD, PARTLY, got, ids
from tests.registry.makers import BIG, SITES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
OF_ODD = f"{PARTLY}#{ODD}"


@pytest.fixture
def nodes(world) -> dict[str, int]:
    return ids(world, "sites", "site_id")


@pytest.fixture
def datasets(world) -> dict[str, int]:
    return ids(world, "datasets", "dataset_id")


@pytest.fixture
def blocks(world) -> dict[str, int]:
    return ids(world, "blocks", "block_id")


def replica(node: str, nodes: dict[str, int], **more: object) -> dict[str, object]:
    common = {
        "node": node, "node_id": nodes[node], "se": f"{node.lower()}.example.org", "complete": "y", "custodial": "n",
        "group": "AnalysisOps", "subscribed": "y",
    }  # fmt: skip
    return common | more


def test_block_replicas_of_a_block_with_an_odd_name(nodes, blocks) -> None:
    times = {"time_create": NOW, "time_update": NOW, "group": None, "subscribed": "n"}
    tape = replica("T1_XX_MSS", nodes, se="tape.example.org", complete="n", custodial="y", bytes=30, files=1, **times)
    whole = replica("T2_B", nodes, bytes=40, files=2, **times)
    shown = {
        "name": OF_ODD, "files": 2, "bytes": 40, "is_open": "y", "id": blocks[ODD], "replica": [tape, whole]
    }  # fmt: skip
    assert got("inventory/blockreplicas", block=OF_ODD) == {"block": [shown]}
    assert list(got("inventory/blockreplicas", block=OF_ODD)["block"][0]) == list(shown)
    only_tape = {"block": [shown | {"replica": [tape]}]}
    for chosen in ({"complete": "n"}, {"node": "T1_*"}, {"node": ["T1_XX_MSS", "T9"]}):
        assert got("inventory/blockreplicas", dataset=PARTLY, **chosen) == only_tape


@pytest.mark.parametrize(("parameters", "found"), [
    ({"dataset": "/*"}, ["b1 T2_A", "b1 T2_B", "b2 T2_A", "s1 T1_Tape", f"{ODD} T1_XX_MSS", f"{ODD} T2_B"]),
    ({"dataset": f"{BIG},{PARTLY}", "node": "T2_B"}, ["b1 T2_B", f"{ODD} T2_B"]),
    ({"dataset": "/*", "group": "AnalysisOps", "node": "T2_B"}, ["b1 T2_B"]),
    ({"dataset": "/*", "group": "None"}, [f"{ODD} T1_XX_MSS", f"{ODD} T2_B"]),
    ({"block": f"{BIG}#b2"}, ["b2 T2_A"]),
    ({"block": [f"{BIG}#b2", "/S*#*"]}, ["b2 T2_A", "s1 T1_Tape"]),
    ({"block": "/*#b?", "dataset": "/None"}, ["b1 T2_A", "b1 T2_B", "b2 T2_A"]),
    ({"dataset": PARTLY, "update_since": NOW}, [f"{ODD} T1_XX_MSS", f"{ODD} T2_B"]),
    ({"dataset": PARTLY, "create_since": NOW + 1}, []),
    ({"dataset": "/None"}, []),
    ({"dataset": "/*", "group": "Nobody"}, []),
    ({"dataset": "/*", "se": "tape.example.org,t1_*"}, ["s1 T1_Tape", f"{ODD} T1_XX_MSS"]),
    ({"dataset": "/*", "custodial": "y"}, [f"{ODD} T1_XX_MSS"]),
    ({"dataset": "/*", "custodial": "n", "subscribed": "n"}, [f"{ODD} T2_B"]),
    ({"dataset": "/*", "subscribed": "y", "node": "T2_B"}, ["b1 T2_B"]),
])  # fmt: skip
def test_block_replicas_are_chosen(parameters, found) -> None:
    shown = got("inventory/blockreplicas", **parameters)["block"]
    assert [f"{row['name'].split('#')[1]} {one['node']}" for row in shown for one in row["replica"]] == found


def test_blocks_are_shown_inside_their_datasets(datasets, monkeypatch) -> None:
    blocks = got("inventory/blockreplicas", dataset="/*", node="T2_?")["block"]
    shown = got("inventory/blockreplicas", dataset="/*", node="T2_?", show_dataset="y")["dataset"]
    assert [block for row in shown for block in row.pop("block")] == blocks
    assert shown == [
        {"name": BIG, "id": datasets[BIG], "bytes": 300, "files": 2, "is_open": "y"},
        {"name": PARTLY, "id": datasets[PARTLY], "bytes": 40, "files": 2, "is_open": "y"},
    ]  # fmt: skip
    monkeypatch.setattr(replicas, "_ROWS", 1)
    again = got("inventory/blockreplicas", dataset="/B*", node="T2_?", show_dataset="y")["dataset"]
    assert [len(row["block"]) for row in again] == [2]
    assert got("inventory/blockreplicas", dataset="/None", show_dataset="y") == {"dataset": []}


def test_without_a_choice_there_are_none() -> None:
    for call in ("blockreplicas", "subscriptions"):
        assert got(f"inventory/{call}") == []
        assert got(f"inventory/{call}", dataset="") == []


def test_many_replicas_come_in_pieces_and_are_one_document(monkeypatch, world) -> None:
    whole = got("inventory/blockreplicas", dataset="/*")
    for name in ("_ROWS", "_DATASETS", "_FIRST_DATASETS"):
        monkeypatch.setattr(replicas, name, 1)
    answer = Client().get("/data/inventory/blockreplicas", {"dataset": "/*"})
    pieces = list(answer.streaming_content)
    assert len(pieces) > 6
    assert json.loads(b"".join(pieces)) == {"result": "OK", "message": "", "data": whole}
    assert "Content-Encoding" not in answer and answer["X-Accel-Buffering"] == "no"
    answer = Client().get("/data/inventory/blockreplicas", {"dataset": "/*"}, headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.getvalue()))["data"] == whole
    answer = Client().get("/phedexdata/inventory/blockreplicas", {"dataset": "/*"})
    assert json.loads(answer.getvalue())["phedex"]["block"] == whole["block"]


def test_what_is_sent_first_needs_a_few_datasets_only(monkeypatch, world) -> None:
    monkeypatch.setattr(replicas, "_FIRST_DATASETS", 1)
    monkeypatch.setattr(replicas, "_DATASETS", 1)
    snapshot, asked = world.snapshot(), []

    class Counting:
        frame, datasets_called = snapshot.frame, snapshot.datasets_called

        def of_datasets(self, name: str, ids: pl.Series) -> pl.DataFrame:
            asked.append((name, ids.to_list()))
            return snapshot.of_datasets(name, ids)

    parts = replicas.block_replicas(Counting(), replicas.ReplicaFilter(["/*"]))
    assert f'"name":"{BIG}#b1"' in next(parts)
    assert {number for _, of in asked for number in of} == {ids(world, "datasets", "dataset_id")[BIG]}
    assert len(list(parts)) == 2


def subscription(node: str, nodes: dict[str, int], level: str, **more: object) -> dict[str, object]:
    common = {
        "node": node, "node_id": nodes[node], "level": level, "group": "AnalysisOps", "custodial": "n", "suspend_until": None,
        "percent_bytes": 100.0, "percent_files": 100.0,
    }  # fmt: skip
    return common | more


def test_subscriptions_of_a_whole_and_of_a_part(nodes, datasets, blocks) -> None:
    [found] = got("inventory/subscriptions", dataset="/B*")["dataset"]
    [whole], [part] = found.pop("subscription"), found.pop("block")
    assert found == {"name": BIG, "id": datasets[BIG], "bytes": 300, "files": 2, "is_open": "y"}
    time = whole.pop("time_update")
    assert whole == subscription("T2_A", nodes, "DATASET", node_bytes=300, node_files=2)
    [of_block] = part.pop("subscription")
    assert part == {"name": f"{BIG}#b1", "id": blocks["b1"], "bytes": 100, "files": 1}
    assert of_block == subscription("T2_B", nodes, "BLOCK", node_bytes=100, node_files=1, time_update=time)


def test_custodial_subscriptions_and_how_much_is_there(nodes) -> None:
    [found] = got("inventory/subscriptions", dataset=PARTLY)["dataset"]
    assert "block" not in found
    tape = subscription(
        "T1_XX_MSS", nodes, "DATASET", group=None, custodial="y", node_bytes=30, node_files=1, percent_bytes=75.0,
        percent_files=50.0, time_update=NOW,
    )  # fmt: skip
    assert found["subscription"][0] == tape


@pytest.mark.parametrize(("parameters", "found"), [
    ({"dataset": "/*", "node": "T2_B"}, {BIG: 1, PARTLY: 1}), ({"dataset": "/*", "group": "AnalysisOps", "node": "T2_*"}, {BIG: 2}),
    ({"block": f"{BIG}#b1"}, {BIG: 2}), ({"block": f"{BIG}#b2"}, {BIG: 1}), ({"dataset": "/*", "suspended": "y"}, {}),
    ({"dataset": "/*", "move": "y"}, {}), ({"dataset": "/None"}, {}),
])  # fmt: skip
def test_subscriptions_are_chosen(parameters, found) -> None:
    shown = got("inventory/subscriptions", **parameters)["dataset"]
    assert {row["name"]: len(row["subscription"]) + len(row.get("block", [])) for row in shown} == found


def test_all_incomplete_blocks_of_a_site_are_listed(world) -> None:
    changes = ChangeSet("test", 4).put("blocks", [{"dataset": BIG, "name": "b3"}])
    world.commit(changes)
    [found] = got("inventory/subscriptions", dataset=BIG)["dataset"]
    shown = {row["name"]: [one["node"] for one in row["subscription"]] for row in found["block"]}
    assert (shown, found["subscription"]) == ({f"{BIG}#b1": ["T2_A", "T2_B"], f"{BIG}#b2": ["T2_A"]}, [])


def test_nodes(nodes) -> None:
    expected = {
        "name": "T1_XX_MSS",
        "id": nodes["T1_XX_MSS"],
        "kind": "mss",
        "se": "tape.example.org",
        "technology": "",
    }
    assert got("inventory/nodes", node="T1_XX*") == {"node": [expected]}
    assert [row["name"] for row in got("inventory/nodes")["node"]] == sorted([*SITES, "T1_XX_MSS"])
    assert got("inventory/nodes", node="T9*") == {"node": []}


def test_data_of_a_block_has_its_files_at_each_site() -> None:
    [[of_dataset]] = [row["dataset"] for row in got("inventory/data", block=OF_ODD)["dbs"]]
    [block] = of_dataset.pop("block")
    assert of_dataset == {"name": PARTLY, "is_open": "y", "is_transient": "n", "time_update": of_dataset["time_update"]}
    one = {"lfn": "/store/partly/1.root", "size": 30, "checksum": "cksum:7,adler32:000000ff", "time_create": NOW}
    two = {"lfn": "/store/partly/2.root", "size": 10, "checksum": "", "time_create": NOW}
    assert block.pop("file") == [one | {"node": "T1_XX_MSS"}, one | {"node": "T2_B"}, two | {"node": "T2_B"}]
    assert block == {
        "name": OF_ODD, "bytes": 40, "files": 2, "is_open": "y", "time_create": block["time_update"],
        "time_update": block["time_update"],
    }  # fmt: skip
    for unknown in ({}, {"block": "/None#b"}, {"block": f"{BIG}#b9"}):
        assert got("inventory/data", **unknown) == {"dbs": []}


def test_lfn_to_pfn() -> None:
    def shown(protocol: str, node: str, *lfns: str) -> dict[str, str]:
        rows = got("inventory/lfn2pfn", protocol=protocol, node=node, lfn=list(lfns))["mapping"]
        assert all(
            set(row) == {"protocol", "custodial", "destination", "space_token", "node", "lfn", "pfn"} for row in rows
        )
        return {f"{row['node']} {row['lfn']}": row["pfn"] for row in rows}

    assert shown("davs", "T2_A", "/store/big/1", "/store/x") == {
        "T2_A /store/big/1": "davs://a.example.org/1", "T2_A /store/x": "gsiftp://a.example.org/store/x",
    }  # fmt: skip
    assert shown("srmv2", "T2_?", "/store/x") == {
        "T2_A /store/x": "gsiftp://a.example.org/store/x", "T2_B /store/x": "file:///tmp/T2_B/store/x",
    }  # fmt: skip
    assert shown("davs", "T1_XX_MSS", "/store/x") == {"T1_XX_MSS /store/x": None}
    assert got("inventory/lfn2pfn", protocol="davs", node="T2_A") == {"mapping": []}
    assert shown("davs", "T9", "/store/x") == {}


@pytest.mark.parametrize(("call", "parameters", "text"), [
    ("lfn2pfn", {"node": "T2_A", "lfn": "/store/x"}, "missing parameter protocol"),
    ("lfn2pfn", {"protocol": "davs", "lfn": "/store/x"}, "missing parameter node"),
    ("lfn2pfn", {"protocol": "davs", "node": "T2_A", "lfn": "/store/../x"}, "lfn: '/store/../x' has a part"),
    ("lfn2pfn", {"protocol": "davs", "node": "T2_A", "lfn": "x"}, "lfn: 'x' is not absolute"),
    ("blockreplicas", {"block": BIG}, "is no block; give dataset#block"),
    ("blockreplicas", {"dataset": BIG, "complete": "maybe"}, "complete: 'maybe' is neither yes nor no"),
    ("blockreplicas", {"dataset": BIG, "update_since": "yesterday"}, "update_since: 'yesterday' is not a whole number"),
    ("blockreplicas", {"dataset": BIG, "colour": "red"}, "unknown parameter colour"),
    ("subscriptions", {"block": BIG}, "block: "), ("data", {"block": BIG}, "block: "), ("nodes", {"site": "T2_A"}, "parameter site"),
    ("requestlist", {"decision": "maybe"}, "decision: unknown: maybe; choose from approved, pending, refused"),
    ("transferrequests", {"request": "x"}, "request: 'x' is not a whole number"),
])  # fmt: skip
def test_mistakes_name_the_parameter(call, parameters, text) -> None:
    for prefix in ("data", "phedexdata"):
        answer = Client().get(f"/{prefix}/inventory/{call}", parameters)
        assert (answer.status_code, set(answer.json())) == (400, {"result", "message"})
        assert answer.json()["result"] == "Bad Request"
        assert text in answer.json()["message"]


def test_the_envelope_of_phedex(nodes) -> None:
    answer = Client().get("/phedexdata/inventory/nodes?node=T2_A").json()["phedex"]
    [node] = answer.pop("node")
    assert node["id"] == nodes["T2_A"]
    assert answer.pop("call_time") >= 0 and answer.pop("request_timestamp") > NOW - 10**9
    assert answer.pop("request_date").endswith(" UTC")
    assert answer == {
        "instance": "prod", "request_call": "inventory/nodes", "request_version": "2.2.1",
        "request_url": "http://testserver/phedexdata/inventory/nodes?node=T2_A",
    }  # fmt: skip
    assert Client().get("/phedexdata/inventory/blockreplicas").json()["phedex"]["block"] == []
    assert Client().get("/phedexdata/inventory/groups").json()["phedex"]["data"][0] == {"name": "(no group)"}
    datasets = Client().get("/phedexdata/inventory/datasets?dataset=/Big*").json()["phedex"]["data"]
    assert [row["name"] for row in datasets] == [BIG]
    assert Client().get("/phedexdata/inventory/none").status_code == 404
