"""``/data/inventory/…`` lists."""

from __future__ import annotations

import pytest

from inventory.changes import ChangeSet
from tests.registry.makers import BIG, SITES, SMALL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _with_data(filled) -> None:
    pass


def test_datasets_by_glob(anyone) -> None:
    row = {"name": BIG, "size": 300, "num_files": 2, "status": "valid", "type": "unknown"}
    assert anyone.get("inventory/datasets", dataset="/Big/*") == (200, {"result": "OK", "message": "", "data": [row]})
    assert [found["name"] for found in anyone.get("inventory/datasets", dataset="/*")[1]["data"]] == [BIG, SMALL]
    assert len(anyone.get("inventory/datasets", dataset=f"{SMALL},{BIG}")[1]["data"]) == 2
    assert anyone.get("inventory/datasets")[1]["data"] == []
    assert anyone.get("inventory/datasets", dataset="/No/*")[1]["data"] == []


def test_groups(anyone) -> None:
    assert anyone.get("inventory/groups")[1]["data"] == [{"name": "(no group)"}, {"name": "AnalysisOps"}]
    assert anyone.get("inventory/groups", group="Ana*")[1]["data"] == [{"name": "AnalysisOps"}]
    assert anyone.get("inventory/groups", group="")[1]["data"] == []


def test_sites_with_quota_and_usage(anyone, filled) -> None:
    changes = ChangeSet("test", 2)
    changes.put(
        "partitions", [{"name": "All", "definition": "dataset.name == *"}, {"name": "Union", "definition": "[All]"}]
    )
    changes.put("quotas", [{"site": "T2_A", "partition": "All", "quota": 2 * 10**12}])
    filled.commit(changes)
    assert [row["name"] for row in anyone.get("inventory/sites")[1]["data"]] == list(SITES)
    partition = {"name": "All", "type": "basic", "quota": 2.0, "usage": 300e-12, "projected_usage": 300e-12}
    assert anyone.get("inventory/sites", site="T2_A", partition="All")[1]["data"] == [{
        "name": "T2_A", "host": "t2_a.example.org", "storage_type": "disk", "status": "ready", "partitions": [partition],
        "total_quota": 2.0, "total_usage": 300e-12, "total_projected_usage": 300e-12,
    }]  # fmt: skip
    [site] = anyone.get("inventory/sites", site="T2_A")[1]["data"]
    assert [partition["type"] for partition in site["partitions"]] == ["basic", "composite"]
    assert anyone.get("inventory/sites", site="T9*")[1]["data"] == []


def test_block_replicas_in_the_shape_of_phedex(anyone) -> None:
    [block] = anyone.get("inventory/blockreplicas", block=f"{BIG}#b1")[1]["data"]["block"]
    assert (block["name"], block["files"], block["bytes"]) == (f"{BIG}#b1", 1, 100)
    assert [replica["node"] for replica in block["replica"]] == ["T2_A", "T2_B"]
    replica = block["replica"][0]
    shown = {"bytes": 100, "files": 1, "se": "t2_a.example.org", "complete": "y", "group": "AnalysisOps", "custodial": "n",
             "subscribed": "y"}  # fmt: skip
    assert shown.items() <= replica.items()
    assert set(replica) == {*shown, "node", "node_id", "time_create", "time_update"}


def replicas(anyone, **values: object) -> list[tuple[str, str]]:
    blocks = anyone.get("inventory/blockreplicas", **values)[1]["data"]["block"]
    return [(block["name"].split("#")[1], replica["node"]) for block in blocks for replica in block["replica"]]


def test_block_replicas_by_filters(anyone) -> None:
    assert replicas(anyone, dataset="/Big/*") == [("b1", "T2_A"), ("b1", "T2_B"), ("b2", "T2_A")]
    assert replicas(anyone, dataset=BIG, node="T2_B") == [("b1", "T2_B")]
    assert replicas(anyone, block=f"{BIG}#b*", complete="n") == []
    assert replicas(anyone, dataset="/*", group="None") == []
    assert replicas(anyone, dataset=BIG, update_since=2**40) == []
    assert anyone.get("inventory/blockreplicas")[1]["data"] == []


def test_an_unknown_address_is_told_in_the_envelope(anyone) -> None:
    status, answer = anyone.get("inventory/dataset")
    assert (status, answer["result"]) == (404, "Not Found")


def test_size_by_category_and_constraint(anyone) -> None:
    status, answer = anyone.get("inventory/stats/size", list_by="site")
    assert (status, answer["data"]["statistic"]) == (200, "size")
    found = {row["key"]: row["size"] for row in answer["data"]["content"]}
    assert found == pytest.approx({"T2_A": 300e-12, "T1_Tape": 300e-12, "T2_B": 100e-12})
    answer = anyone.get("inventory/stats/size", list_by="site", dataset="/Big/.{1,9}", site=["T2_B", "T1"])[1]
    assert [row["key"] for row in answer["data"]["content"]] == ["T2_B"]


def test_replication_and_usage(anyone) -> None:
    rows = anyone.get("inventory/stats/replication", list_by="dataset")[1]["data"]["content"]
    assert rows == [{"key": BIG, "mean": 2.0, "rms": 0.0}, {"key": SMALL, "mean": 1.0, "rms": 0.0}]
    data = anyone.get("inventory/stats/usage", list_by="group", physical="n")[1]["data"]
    assert (data["keys"], [row["site"] for row in data["content"]]) == (["AnalysisOps"], ["T1_Tape", "T2_A", "T2_B"])


def test_statuses_are_in_small_letters_as_of_old(anyone) -> None:
    def keys(statistic: str, **values: object) -> list[str]:
        return [row["key"] for row in anyone.get(f"inventory/stats/{statistic}", **values)[1]["data"]["content"]]

    assert keys("size", list_by="dataset_status", dataset_status="valid|production") == ["valid"]
    assert keys("size", list_by="site_status", site_status="READY") == ["ready"]
    assert keys("replication", list_by="dataset_status", dataset_status="invalid") == []
    data = anyone.get("inventory/stats/usage", list_by="dataset_status", site="T2_B")[1]["data"]
    assert data == {
        "statistic": "usage", "keys": ["valid"],
        "content": [{"site": "T2_B", "usage": [{"key": "valid", "size": 100e-12}]}],
    }  # fmt: skip


@pytest.mark.parametrize(("values", "text"), [
    ({"list_by": "colour"}, "list_by: no category 'colour'"), ({"dataset": "("}, "dataset: '(' is no regular expression"),
    ({"colour": "red"}, "unknown parameter colour"), ({"site_status": "("}, "site_status: "),
])  # fmt: skip
def test_mistakes_in_statistics_are_named(anyone, values, text) -> None:
    status, answer = anyone.get("inventory/stats/size", **values)
    assert (status, text in answer["message"]) == (400, True)
