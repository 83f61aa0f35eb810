"""Statistics by category, with constraints."""

from __future__ import annotations

import math
from typing import Any

import pytest

from inventory.changes import ChangeSet
from inventory.resolve import applied
from inventory.snapshot import Snapshot
from inventory.statistics import StatisticsError, replication, size, usage

TB = 10**12


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """/A (mc, 2 blocks of 1 TB) at T1 and, half of it, T2; /B (data, 3 TB) at T1; /C (data) nowhere."""
    replica = {"complete": True}
    changes = (
        ChangeSet("tester", 1)
        .put("groups", [{"name": "ops"}, {"name": "users"}])
        .put("sites", [{"name": "T1"}, {"name": "T2", "status": "MORGUE"}, {"name": "T3"}])
        .put("datasets", [
            {"name": "/A", "data_type": "mc", "status": "VALID", "software_version": "X_1_2_3"},
            {"name": "/B", "data_type": "data", "status": "VALID", "software_version": None},
            {"name": "/C", "data_type": "data", "status": "INVALID", "software_version": None},
        ])
        .put("blocks", [
            {"dataset": "/A", "name": "1", "size": TB, "num_files": 2}, {"dataset": "/A", "name": "2", "size": TB, "num_files": 2},
            {"dataset": "/B", "name": "1", "size": 3 * TB, "num_files": 2},
        ])
        .put("dataset_replicas", [
            {"dataset": "/A", "site": "T1", "group": "ops"}, {"dataset": "/A", "site": "T2", "group": None},
            {"dataset": "/B", "site": "T1", "group": "users"},
        ])
        .put("block_replicas", [
            {"dataset": "/A", "block": "1", "site": "T1", **replica}, {"dataset": "/A", "block": "2", "site": "T1", "group": "users", **replica},
            {"dataset": "/A", "block": "1", "site": "T2", "complete": False, "size": TB // 2, "num_files": 1},
            {"dataset": "/B", "block": "1", "site": "T1", **replica},
        ])
    )  # fmt: skip
    return applied(Snapshot.from_frames({}), changes, 1000)


def sizes(answer: dict[str, Any]) -> dict[str, float]:
    assert answer["statistic"] == "size"
    values = [row["size"] for row in answer["content"]]
    assert values == sorted(values, reverse=True)
    return {row["key"]: row["size"] for row in answer["content"]}


@pytest.mark.parametrize(
    ("list_by", "expected"),
    [
        ("data_type", {"data": 3, "mc": 2.5}),
        ("dataset_status", {"VALID": 5.5}),
        ("dataset_software_version", {"None": 3, "X_1_2_3": 2.5}),
        ("dataset", {"/B": 3, "/A": 2.5}),
        ("site", {"T1": 5, "T2": 0.5}),
        ("site_status", {"READY": 5, "MORGUE": 0.5}),
        ("group", {"users": 4, "ops": 1, "None": 0.5}),
    ],
)
def test_size_by_every_category(snapshot, list_by, expected):
    assert sizes(size(snapshot, list_by)) == expected


def test_projected_size_counts_whole_blocks(snapshot):
    assert sizes(size(snapshot, "site", physical=False)) == {"T1": 5, "T2": 1}


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ({"site": ["T1"]}, {"/A": 2, "/B": 3}),
        ({"site": ["T2", "T3"]}, {"/A": 0.5}),
        ({"site": ["T"]}, {"/A": 2.5, "/B": 3}),
        ({"site": ["1"]}, {}),
        ({"group": ["users"]}, {"/A": 1, "/B": 3}),
        ({"group": ["None"]}, {"/A": 0.5}),
        ({"group": [".*"]}, {"/A": 2, "/B": 3}),
        ({"dataset_software_version": ["None"]}, {"/B": 3}),
        ({"dataset": ["/(A|C)$"], "site_status": ["MORGUE"]}, {"/A": 0.5}),
        ({"dataset": []}, {"/A": 2.5, "/B": 3}),
    ],
)
def test_constraints(snapshot, constraints, expected):
    assert sizes(size(snapshot, "dataset", constraints)) == expected


def test_replication_counts_datasets_without_replicas(snapshot):
    answer = replication(snapshot, "data_type")
    assert answer == {
        "statistic": "replication",
        "content": [{"key": "mc", "mean": 2.0, "rms": 0.0}, {"key": "data", "mean": 0.5, "rms": 0.5}],
    }


def test_replication_at_sites_and_of_groups(snapshot):
    rows = {row["key"]: (row["mean"], row["rms"]) for row in replication(snapshot, "site")["content"]}
    assert rows["T1"] == pytest.approx((2 / 3, math.sqrt(2) / 3))
    assert rows["T2"] == pytest.approx((1 / 3, math.sqrt(2) / 3))
    rows = {row["key"]: row["mean"] for row in replication(snapshot, "group")["content"]}
    assert rows == pytest.approx({"users": 2 / 3, "ops": 1 / 3, "None": 1 / 3})


def test_replication_with_constraints(snapshot):
    valid = {"dataset_status": ["VALID"], "group": ["ops"]}
    assert replication(snapshot, "dataset", valid)["content"] == [
        {"key": "/A", "mean": 1.0, "rms": 0.0},
        {"key": "/B", "mean": 0.0, "rms": 0.0},
    ]


def test_usage_by_site(snapshot):
    assert usage(snapshot, "data_type") == {
        "statistic": "usage",
        "content": [
            {"site": "T1", "usage": [{"key": "data", "size": 3.0}, {"key": "mc", "size": 2.0}]},
            {"site": "T2", "usage": [{"key": "mc", "size": 0.5}]},
        ],
        "keys": ["data", "mc"],
    }
    assert usage(snapshot, "site")["keys"] == ["T1", "T2"]
    assert usage(snapshot, "group", {"site": ["T2"]}, physical=False)["content"] == [
        {"site": "T2", "usage": [{"key": "None", "size": 1.0}]}
    ]


@pytest.mark.parametrize("statistic", [size, replication, usage])
def test_what_cannot_be_asked(snapshot, statistic):
    with pytest.raises(StatisticsError, match=r"no category 'sit' \(did you mean site\?\)"):
        statistic(snapshot, "sit")
    with pytest.raises(StatisticsError, match="no category 'colour'"):
        statistic(snapshot, "site", {"colour": ["red"]})
    with pytest.raises(StatisticsError, match=r"site: '\(' is no regular expression"):
        statistic(snapshot, "site", {"site": ["("]})
    with pytest.raises(StatisticsError, match=r"site: '\(\?!T1\)': it is too complicated"):
        statistic(snapshot, "site", {"site": ["(?!T1)"]})


@pytest.mark.parametrize("list_by", ["data_type", "site", "group"])
def test_empty_inventory(list_by):
    empty = Snapshot.from_frames({})
    assert (
        size(empty, list_by)["content"]
        == replication(empty, list_by)["content"]
        == usage(empty, list_by)["content"]
        == []
    )
