"""Who belongs to a partition, what quota it has, and how full it is."""

from __future__ import annotations

import polars as pl
import pytest

from inventory.partitions import PartitionError, members, occupancy, parse_definition, quota, simple_parts
from inventory.policy.errors import PolicyError
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from inventory.tables_tsv import read_tables
from tests.inventory.tables import write_tables

NOW = 1600000020


@pytest.fixture
def snapshot(tmp_path) -> Snapshot:
    return read_tables(write_tables(tmp_path)).snapshot(NOW)


def with_partitions(snapshot: Snapshot, **definitions: str) -> Snapshot:
    rows = {
        "partition_id": range(1, len(definitions) + 1),
        "name": list(definitions),
        "definition": definitions.values(),
    }
    frames = {name: snapshot.frame(name) for name in TABLES}
    frames["partitions"] = pl.DataFrame({key: list(value) for key, value in rows.items()}, TABLES["partitions"].schema)
    return Snapshot.from_frames(frames, time=snapshot.time)


def shown(snapshot: Snapshot, *names: str, now: int | None = None) -> set[tuple[str, str, str]]:
    found = members(snapshot, names, now).collect()
    blocks = dict(snapshot.frame("blocks").select("block_id", "name").iter_rows())
    datasets = dict(snapshot.frame("datasets").select("dataset_id", "name").iter_rows())
    sites = dict(snapshot.frame("sites").select("site_id", "name").iter_rows())
    rows = found.select("dataset_id", "block_id", "site_id").rows()
    assert len(rows) == len(set(rows))
    return {(datasets[dataset], blocks[block], sites[site]) for dataset, block, site in rows}


ON_DISK = {("/A/B/RAW", "b0", "T1_Disk"), ("/A/B/RAW", "b1", "T1_Disk")}
ON_TAPE = {("/A/B/RAW", "b0", "T1_MSS")}
OLD = {("/C/D/AOD", "b0", "T2_Old")}


def test_members_of_simple_partitions(snapshot):
    assert shown(snapshot, "AnalysisOps") == ON_DISK
    assert shown(snapshot, "DataOpsDisk") == OLD
    assert shown(snapshot, "Tape") == ON_TAPE
    assert shown(snapshot, "AllDisk") == ON_DISK | OLD


def test_members_of_union_come_once(snapshot):
    assert shown(snapshot, "Physics") == ON_DISK | OLD | ON_TAPE
    overlapping = with_partitions(
        snapshot, Disk="site.storage_type == DISK", Ready="site.status == READY", All="[Disk, Ready]"
    )
    assert shown(overlapping, "All") == ON_DISK | OLD | ON_TAPE


def test_all_members_have_their_partition(snapshot):
    counts = members(snapshot).collect().group_by("partition_id").len().sort("partition_id").rows()
    assert counts == [(1, 2), (2, 1), (3, 1), (4, 4), (5, 3)]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("dataset.name == /A/*", ON_DISK | ON_TAPE),
        ("dataset.size < 100", OLD),
        ("dataset.status == PRODUCTION and site.status == MORGUE", OLD),
        ("dataset.status == PRODUCTION and site.status == READY", set()),
        ("blockreplica.last_update older_than 8 seconds ago", ON_DISK),
        ("blockreplica.owner in [DataOps Nobody]", OLD | ON_TAPE),
        ("site.storage_type == DISK until 2020-01-01", set()),
        ("site.storage_type == DISK from 2020-01-01", ON_DISK | OLD),
    ],
)
def test_conditions_of_every_level(snapshot, condition, expected):
    assert shown(with_partitions(snapshot, P=condition), "P") == expected


def test_now_moves_relative_times(snapshot):
    partitioned = with_partitions(snapshot, P="blockreplica.last_update older_than 1 day ago")
    assert shown(partitioned, "P") == set()
    assert shown(partitioned, "P", now=NOW + 200_000) == ON_DISK | ON_TAPE | OLD


def test_no_names_no_members(snapshot):
    assert members(snapshot, []).collect().is_empty()
    assert members(Snapshot.from_frames({})).collect().is_empty()
    assert occupancy(Snapshot.from_frames({})).is_empty()


def test_unknown_partition(snapshot):
    with pytest.raises(PartitionError, match=r"no partition 'AnalysisOp' \(did you mean AnalysisOps\?\)"):
        members(snapshot, ["AnalysisOp"])


def test_union_of_unknown(snapshot):
    with pytest.raises(PartitionError, match="there is no partition 'B', named by 'A'"):
        members(with_partitions(snapshot, A="[B]"))


@pytest.mark.parametrize(
    "definitions", [{"A": "[A]"}, {"A": "[B]", "B": "[A]"}, {"A": "[B]", "B": "[C]", "C": "[A, B]"}]
)
def test_partition_that_refers_to_itself(snapshot, definitions):
    with pytest.raises(PartitionError, match="refers to itself"):
        members(with_partitions(snapshot, **definitions))


def test_union_of_unions():
    plain = parse_definition("D", "site.storage_type == DISK")
    known = {"A": ("B", "C"), "B": ("D",), "C": ("D", "E"), "D": plain, "E": plain}
    assert simple_parts(known, "A") == ("D", "E")


def test_wrong_condition(snapshot):
    with pytest.raises(PolicyError, match="<partition P>"):
        members(with_partitions(snapshot, P="site.colour == RED"))


def test_quota_of_union_is_the_sum(snapshot):
    disk, tape, old = quota(snapshot, "Physics")["quota"]
    assert disk == 20 * 10**12
    assert tape < 0
    assert old == 4 * 10**12


def test_quota_that_is_not_listed_is_zero(tmp_path):
    snapshot = read_tables(write_tables(tmp_path, quotas="T1_Disk\tAnalysisOps\t-5\nT2_Old\tTape\t0\n")).snapshot()
    assert quota(snapshot, "AnalysisOps")["quota"].to_list() == [-5, 0, 0]
    assert quota(snapshot, "Physics")["quota"].to_list() == [-5, 0, 0]
    assert quota(snapshot, "AllDisk")["quota"].to_list() == [0, 0, 0]


def test_occupancy_counts_present_and_projected(snapshot):
    rows = {(site, partition): tuple(rest) for site, partition, *rest in occupancy(snapshot).rows()}
    assert len(rows) == 3 * 5
    assert rows["T1_Disk", "AnalysisOps"] == (10 * 10**12, 900, 1500)
    assert rows["T1_MSS", "Physics"] == (-3, 1000, 1000), "the sum of three that have no limit"
    assert rows["T2_Old", "AllDisk"] == (0, 70, 70)
    assert rows["T2_Old", "AnalysisOps"] == (0, 0, 0)
