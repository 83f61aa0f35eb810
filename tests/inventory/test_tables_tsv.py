"""TSV tables are read as they are meant, and what is wrong in them is told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.errors import ChangeRefused
from inventory.policy.errors import PolicyError
from inventory.schema import TABLES
from inventory.tables_tsv import read_tables
from tests.inventory.tables import TABLES as TEXTS
from tests.inventory.tables import archived, write_tables


def refusal(directory: Path, **changed: str | bytes) -> str:
    with pytest.raises(ChangeRefused) as refused:
        read_tables(write_tables(directory, **changed))
    return str(refused.value)


def test_read_directory(tmp_path):
    tables = read_tables(write_tables(tmp_path))
    snapshot = tables.snapshot()
    replicas = snapshot.named("block_replicas").collect()
    shown = replicas.select("dataset", "block", "site", "group", "custodial", "size", "num_files", "complete")
    assert sorted(shown.rows()) == [
        ("/A/B/RAW", "b0", "T1_Disk", "AnalysisOps", False, 400, 0, False),
        ("/A/B/RAW", "b0", "T1_MSS", "DataOps", True, 1000, 2, True),
        ("/A/B/RAW", "b1", "T1_Disk", "AnalysisOps", False, 500, 1, True),
        ("/C/D/AOD", "b0", "T2_Old", "DataOps", False, 70, 1, True),
    ]
    assert snapshot.row("datasets", "/C/D/AOD")["usage_rank"] is None
    assert snapshot.row("sites", "T1_MSS")["storage_type"] == "MSS"
    assert snapshot.frame("groups")["name"].to_list() == ["None", "AnalysisOps", "DataOps"]
    for name, frame in tables.frames.items():
        assert frame.schema == TABLES[name].schema
        assert frame.equals(frame.sort(TABLES[name].key))


def test_read_archive_as_directory(tmp_path):
    directory = write_tables(tmp_path / "inventory")
    from_archive = read_tables(archived(directory, tmp_path / "inventory.tgz"))
    from_directory = read_tables(directory)
    assert all(frame.equals(from_directory.frames[name]) for name, frame in from_archive.frames.items())


def test_quotas_by_rule(tmp_path):
    snapshot = read_tables(write_tables(tmp_path)).snapshot()
    sites = dict(snapshot.frame("sites").select("site_id", "name").iter_rows())
    partitions = dict(snapshot.frame("partitions").select("partition_id", "name").iter_rows())
    quotas = {(sites[site], partitions[partition]): quota for site, partition, quota in snapshot.frame("quotas").rows()}
    assert quotas["T1_Disk", "AnalysisOps"] == quotas["T1_Disk", "AllDisk"] == 10 * 10**12
    assert quotas["T1_Disk", "DataOpsDisk"] == quotas["T1_Disk", "Tape"] == 5 * 10**12
    assert {quotas["T1_MSS", name] for name in ("AnalysisOps", "DataOpsDisk", "Tape", "AllDisk")} == {-1}
    assert quotas["T2_Old", "AnalysisOps"] == 0
    assert "Physics" not in {partition for _, partition in quotas}


def test_quotas_file_replaces_all(tmp_path):
    quotas = "T1_Disk\tAnalysisOps\t12345\nT1_MSS\tTape\t-1\nT2_Old\tAllDisk\t0\n"
    frame = read_tables(write_tables(tmp_path, quotas=quotas)).frames["quotas"]
    assert frame.rows() == [(1, 1, 12345), (2, 3, -1), (3, 5, 0)]


def test_quotas_that_cannot_be(tmp_path):
    quotas = (
        "T1_Disk\tPhysics\t1\nT9\tTape\t1\nT1_Disk\tTapes\t1\nT1_MSS\tTape\t1.5\nT2_Old\tTape\t1\nT2_Old\tTape\t2\n"
    )
    text = refusal(tmp_path, quotas=quotas)
    assert "quotas.tsv:1: 'Physics' is a union" in text
    assert "quotas.tsv:2: there is no site 'T9'" in text
    assert "quotas.tsv:3: there is no partition 'Tapes'" in text
    assert "quotas.tsv:4: quota: '1.5' is not a whole number" in text
    assert "quotas.tsv:5: the quota of 'Tape' at 'T2_Old' is given more than once" in text


@pytest.mark.parametrize(
    ("locks", "locked"),
    [
        ("T1_Disk\t/A/B/RAW\t*\n", [(1, 1, 1), (1, 2, 1)]),
        ("T1_Disk\t/A/B/RAW\tb1\n", [(1, 2, 1)]),
        ("0\t0\t1\n", [(1, 2, 1)]),
        ("T2_Old\t/A/B/RAW\t*\n", []),
        ("T1_MSS\t/A/B/RAW\tb1\n", []),
        ("T2_Old\t/C/D/AOD\tb0\nT1_MSS\t/A/B/RAW\t*", [(1, 1, 2), (2, 3, 3)]),
    ],
)
def test_locks(tmp_path, locks, locked):
    assert read_tables(write_tables(tmp_path, locks=locks)).locks.rows() == locked


def test_locks_of_unknown_things(tmp_path):
    text = refusal(tmp_path, locks="T9\t/A/B/RAW\t*\nT1_Disk\t/X/Y/Z\tb0\nT1_Disk\t/C/D/AOD\tb1\n")
    assert "locks.tsv:1: there is no site 'T9'" in text
    assert "locks.tsv:2: there is no dataset '/X/Y/Z'" in text
    assert "locks.tsv:3: dataset '/C/D/AOD' has no block 'b1'" in text


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("datasets", "VALID\t16", "VALUED\t16", "datasets.tsv:1: status: 'VALUED' is none of UNKNOWN, DELETED"),
        ("datasets", "12.5", "many", "datasets.tsv:1: usage_rank: 'many' is not a number"),
        ("datasets", "12.5", "nan", "datasets.tsv:1: usage_rank: 'nan' is not a number"),
        ("datasets", "\t3\n", "\n", "datasets.tsv:1: 4 columns instead of 5"),
        ("datasets", "/C/D/AOD", "/A/B/RAW", "datasets.tsv:2: the same name as in line 1"),
        ("datasets", "/C/D/AOD", "/C\0/D/AOD", "datasets.tsv:2: name: '/C\\x00/D/AOD' holds a control character"),
        ("datasets", "/C/D/AOD", "/C" * 300, "is longer than 512 characters"),
        ("datasets", "/C/D/AOD", "", "datasets.tsv:2: name: is empty"),
        ("blocks", "0\tb1", "2\tb1", "blocks.tsv:2: dataset: datasets.tsv has no line 2 (from 0)"),
        ("blocks", "0\tb1", "-1\tb1", "blocks.tsv:2: dataset: '-1' is not a whole number"),
        ("blocks", "0\tb1", "0\tb0", "blocks.tsv:2: the same dataset and name as in line 1"),
        ("blocks", "\t500\t", "\t-500\t", "blocks.tsv:2: size: '-500' is not a whole number"),
        ("blocks", "\t500\t", "\t500.0\t", "blocks.tsv:2: size: '500.0' is not a whole number"),
        ("blocks", "\t500\t", f"\t{10**30}\t", "blocks.tsv:2: size: '1000"),
        ("blocks", "\n0\tb1", "\n\n0\tb1", "blocks.tsv:2: 1 columns instead of 5"),
        ("sites", "mss", "tape", "sites.tsv:2: storage_type: 'tape' is none of DISK, MSS, BUFFER, UNKNOWN"),
        ("sites", "T2_Old\tdisk", "T2_Old\tdisk\tdisk", "sites.tsv:3: 6 columns instead of 5"),
        ("sites", "10\t5", "10\tinf", "sites.tsv:1: small_quota: 'inf' is not a number"),
        ("groups", "Block", "Site", "groups.tsv:2: level: 'Site' is none of Dataset, Block"),
        ("dataset_replicas", "0\t1\t0\t1", "0\t0\t0\t1", "dataset_replicas.tsv:2: the same dataset and site as in line 1"),
        ("dataset_replicas", "1\t2\t0\t1", "1\t2\t0\t2", "dataset_replicas.tsv:3: group: groups.tsv has no line 2"),
        ("block_replicas", "2\t2\t1\t0\t70\t1", "2\t2\t1\t0\t71\t1", "block_replicas.tsv:4: 71 bytes are present of a block of 70"),
        ("block_replicas", "2\t2\t1\t0\t70\t1", "2\t2\t1\t0\t69\t1", "block_replicas.tsv:4: is complete, yet only 69 bytes"),
        ("block_replicas", "2\t2\t1\t0\t70\t1", "2\t2\t1\t0\t70\t2", "block_replicas.tsv:4: complete: '2' is neither 0 nor 1"),
        ("block_replicas", "2\t2\t1", "2\t1\t1", "block_replicas.tsv:4: dataset_replicas.tsv has no replica of /C/D/AOD at T1_MSS"),
        ("block_replicas", "0\t1\t1\t1", "1\t0\t1\t1", "block_replicas.tsv:3: the same block and site as in line 1"),
        ("block_replicas", "1600000013\n", "16000", "block_replicas.tsv:4: the last line has no line end"),
    ],
)  # fmt: skip
def test_mistakes_have_file_and_line(tmp_path, table, old, new, message):
    text = TEXTS[f"{table}.tsv"]
    assert old in text
    assert message in refusal(tmp_path, **{table: text.replace(old, new)})


def test_every_mistake_of_a_table_is_told(tmp_path):
    text = refusal(tmp_path, blocks="0\tb0\tmuch\t2\t0\n0\tb1\t1\tsome\tnow\n1\tb0\t1\t1\t1\n")
    assert "blocks.tsv:1: size" in text
    assert "blocks.tsv:2: num_files" in text
    assert "blocks.tsv:2: last_update" in text


def test_not_text(tmp_path):
    assert "blocks.tsv:1: is not UTF-8" in refusal(tmp_path, blocks=b"0\t\xff\xfe\t1\t1\t1\n")


def test_missing_table(tmp_path):
    directory = write_tables(tmp_path)
    (directory / "blocks.tsv").unlink()
    (directory / "groups.tsv").unlink()
    with pytest.raises(ChangeRefused, match=r"has no blocks\.tsv\n.*has no groups\.tsv"):
        read_tables(directory)


def test_no_such_directory(tmp_path):
    with pytest.raises(ChangeRefused, match="cannot be read"):
        read_tables(tmp_path / "nowhere")


def test_truncated_archive(tmp_path):
    archive = archived(write_tables(tmp_path / "inventory"), tmp_path / "inventory.tgz")
    archive.write_bytes(archive.read_bytes()[:300])
    with pytest.raises(ChangeRefused, match="cannot be read"):
        read_tables(archive)


def test_empty_tables_are_an_empty_inventory(tmp_path):
    tables = read_tables(write_tables(tmp_path, **{name.removesuffix(".tsv"): "" for name in TEXTS}))
    assert all(tables.frames[name].is_empty() for name in tables.frames if name != "partitions")


def test_wrong_partitions_file(tmp_path):
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("Disk: site.storage_typo == DISK\n")
    with pytest.raises(PolicyError, match="storage_typo"):
        read_tables(write_tables(tmp_path / "tables"), wrong)


def test_group_called_none_is_nobody(tmp_path):
    replicas = read_tables(write_tables(tmp_path, groups="None\tDataset\nDataOps\tBlock\n")).snapshot()
    assert replicas.named("dataset_replicas").sort("dataset_id", "site_id").collect()["group"].to_list() == [
        "None",
        "DataOps",
        "DataOps",
    ]
