"""From decisions to what has to be done: which block replicas go, which change hands (pure)."""

from __future__ import annotations

import polars as pl

from detox.decisions import Decisions
from detox.history import FRAMES
from inventory.snapshot import Snapshot

_KEYS = ["dataset_id", "block_id", "site_id"]


def plan_of(decisions: Decisions, snapshot: Snapshot) -> pl.DataFrame:
    """The plan of a cycle, columns of ``history.FRAMES["plan"]``, sorted by site, dataset and block.

    What is deleted under a new owner is deleted, once. A dataset replica without blocks that goes is a row with a null block.
    """
    there = snapshot.frame("block_replicas").select(*_KEYS)
    deleted = decisions.blocks.filter(pl.col("decision") == "deleted").select(*_KEYS, "group_id", "whole")
    blocks = deleted.join(there, on=_KEYS, how="semi")
    empty = deleted.join(there, on=["dataset_id", "site_id"], how="anti").unique(["dataset_id", "site_id"])
    empty = empty.with_columns(block_id=pl.lit(None, pl.UInt32))
    changed = decisions.reowned.join(blocks, on=_KEYS, how="anti").select(*_KEYS, new_group_id="group_id")
    before = decisions.image.select(*_KEYS, "group_id")
    changed = changed.join(before, on=_KEYS, how="left").with_columns(whole=pl.lit(False))
    going = pl.concat([blocks, empty]).with_columns(deleted=pl.lit(True))
    rows = pl.concat([going, changed.with_columns(deleted=pl.lit(False))], how="diagonal")
    return _named(rows, snapshot).sort("site", "dataset", "block")


def _named(rows: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    for table, key, name in (
        ("datasets", "dataset_id", "dataset"), ("sites", "site_id", "site"), ("groups", "group_id", "group"),
    ):  # fmt: skip
        names = snapshot.frame(table).select(key, pl.col("name").alias(name))
        rows = rows.join(names, on=key, how="left")
    new_groups = snapshot.frame("groups").select(new_group_id="group_id", new_group="name")
    blocks = snapshot.frame("blocks").select("block_id", block="name")
    schema = FRAMES["plan"]
    return (
        rows.join(new_groups, on="new_group_id", how="left").join(blocks, on="block_id", how="left")
        .select(schema.names()).cast(schema)
    )  # fmt: skip
