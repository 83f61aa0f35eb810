"""Invalidation: a document of the same shape says what metadata goes; files on storage become orphans that consistency removes.

A dataset with ``blocks`` loses only those, a block with ``files`` only those, a dataset replica with ``blockreplicas`` only those;
an empty list takes nothing.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from inventory.changes import KEYS
from inventory.injection.document import read_document
from inventory.injection.known import Known, note_unknown
from inventory.injection.plan import COUNTED, Plan
from inventory.injection.reading import Reading
from inventory.schema import NO_GROUP_NAME
from inventory.snapshot import Snapshot

_BLOCK = ["dataset", "block"]
_REPLICA = ["dataset", "block", "site"]
_ORDER = ("sites", "groups", "files", "blocks", "datasets", "replica_files", "block_replicas", "dataset_replicas")


def plan_deletion(snapshot: Snapshot, document: Any, now: int = 0) -> Plan:
    """Plan the invalidation of what ``document`` names; ``counts`` are the objects named that go.

    Raises ChangeRefused with every mistake and its place; a name that does not exist is one.
    """
    rows, reading = read_document(document, deletion=True)
    known = Known(snapshot, rows)
    files = known.files(rows["files"].select(_BLOCK).unique())
    _check_metadata(rows, known, files, reading)
    _check_replicas(rows, known, reading)
    reading.finish()
    deletes = _deletes(rows)
    counts = {label: deletes[table].height if table in deletes else 0 for table, label in COUNTED.items()}
    return Plan(deletes=deletes, counts=counts)


def _deletes(rows: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    found = {
        "sites": rows["sites"], "groups": rows["groups"], "files": rows["files"],
        "blocks": rows["blocks"].filter(~pl.col("files")),
        "datasets": rows["datasets"].filter(~pl.col("blocks")),
        "replica_files": rows["replica_files"],
        "block_replicas": rows["block_replicas"].filter(~pl.col("files")),
        "dataset_replicas": rows["dataset_replicas"].filter(~pl.col("blockreplicas")),
    }  # fmt: skip
    return {table: found[table].select(KEYS[table]) for table in _ORDER if found[table].height}


def _check_metadata(rows: dict[str, pl.DataFrame], known: Known, files: pl.DataFrame, reading: Reading) -> None:
    note_unknown(rows["datasets"].rename({"name": "dataset"}), known.datasets["dataset"], "dataset", "dataset", reading)
    note_unknown(rows["sites"].rename({"name": "site"}), known.sites["site"], "site", "site", reading)
    note_unknown(rows["groups"].rename({"name": "group"}), known.groups["group"], "group", "group", reading)
    for where in rows["groups"].filter(pl.col("name") == NO_GROUP_NAME)["where"]:
        reading.wrong(where, f"group {NO_GROUP_NAME} stands for no group, and stays")
    in_known = rows["blocks"].filter(pl.col("dataset").is_in(known.datasets["dataset"].implode()))
    blocks = known.blocks.select("dataset", name="block")
    for row in in_known.join(blocks, on=["dataset", "name"], how="anti").iter_rows(named=True):
        reading.wrong(row["where"], f"dataset {row['dataset']!r} has no block {row['name']!r}")
    in_blocks = rows["files"].join(known.blocks, on=_BLOCK, how="semi")
    for row in in_blocks.join(files, on=[*_BLOCK, "lfn"], how="anti").iter_rows(named=True):
        reading.wrong(row["where"], f"block {row['block']!r} has no file {row['lfn']!r}")


def _check_replicas(rows: dict[str, pl.DataFrame], known: Known, reading: Reading) -> None:
    """Replicas that are named exist, with the files that are named."""
    pair = ["dataset", "site"]
    for row in rows["dataset_replicas"].join(known.dataset_replicas, on=pair, how="anti").iter_rows(named=True):
        reading.wrong(row["where"], f"there is no replica of {row['dataset']!r} at {row['site']!r}")
    in_known = rows["block_replicas"].join(known.dataset_replicas, on=pair, how="semi")
    for row in in_known.join(known.block_replicas, on=_REPLICA, how="anti").iter_rows(named=True):
        reading.wrong(row["where"], f"there is no replica of block {row['block']!r} at {row['site']!r}")
    listed = rows["replica_files"].join(known.block_replicas, on=_REPLICA, how="semi")
    files = known.files(listed.select(_BLOCK).unique())
    for row in listed.join(files, on=[*_BLOCK, "lfn"], how="anti").iter_rows(named=True):
        reading.wrong(row["where"], f"block {row['block']!r} has no file {row['lfn']!r}")
