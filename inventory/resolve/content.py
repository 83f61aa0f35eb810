"""Derived facts of blocks and datasets: sizes and numbers are sums of the files; times follow changes of content."""

from __future__ import annotations

import polars as pl

from inventory.resolve.delta import difference
from inventory.resolve.workspace import Workspace
from inventory.schema import TABLES


def derive(space: Workspace) -> None:
    """Make blocks the sums of their files, and give changed blocks and datasets the record's time unless one was given."""
    touched = space.changed_blocks = _changed_blocks(space)
    given = space.given.get("blocks")
    resized = touched
    if given is not None and {"size_given", "num_files_given"} & set(given.columns):
        resized = pl.concat([touched, given["block_id"]]).unique()
    if resized.len():
        _sum_files(space, resized, touched)
    _stamp_datasets(space)


def _changed_blocks(space: Workspace) -> pl.Series:
    """Ids of blocks whose files the change set changes."""
    if "files" not in space.before or space.frame("files") is space.before["files"]:
        return pl.Series("block_id", [], dtype=pl.UInt32)
    before, after = space.before["files"], space.frame("files")
    put, _ = difference("files", before, after)
    gone = before.join(after, on="file_id", how="anti")
    return pl.concat([put["block_id"], gone["block_id"]]).unique()


def _sum_files(space: Workspace, resized: pl.Series, touched: pl.Series) -> None:
    files = space.frame("files").filter(pl.col("block_id").is_in(resized.implode()))
    sums = files.group_by("block_id").agg(
        pl.col("size").sum().alias("_size"), pl.len().cast(pl.UInt32).alias("_number")
    )
    blocks = space.frame("blocks").join(sums, on="block_id", how="left")
    # No files now, and files changed: the last one went.
    emptied = pl.col("block_id").is_in(touched.implode()) & pl.col("_number").is_null()
    blocks = blocks.with_columns(
        pl.when(emptied).then(0).otherwise(pl.coalesce("_size", "size")).alias("size"),
        pl.when(emptied).then(0).otherwise(pl.coalesce("_number", "num_files")).cast(pl.UInt32).alias("num_files"),
    )
    stamped = pl.col("block_id").is_in(touched.implode()) & ~_given_time(space, "blocks", "block_id")
    space.set("blocks", blocks.with_columns(_stamp(space, stamped)))


def _stamp_datasets(space: Workspace) -> None:
    if "blocks" not in space.before or space.frame("blocks") is space.before["blocks"]:
        return
    columns = ["dataset_id", "block_id", "name", "size", "num_files"]
    before, after = space.before["blocks"].select(columns), space.frame("blocks").select(columns)
    changed = pl.concat([after.join(before, on=columns, how="anti"), before.join(after, on=columns, how="anti")])
    ids = pl.concat([changed["dataset_id"], _datasets_of(space, space.changed_blocks)]).unique()
    if ids.len():
        stamped = pl.col("dataset_id").is_in(ids.implode()) & ~_given_time(space, "datasets", "dataset_id")
        space.set("datasets", space.frame("datasets").with_columns(_stamp(space, stamped)))


def _datasets_of(space: Workspace, blocks: pl.Series) -> pl.Series:
    return space.frame("blocks").filter(pl.col("block_id").is_in(blocks.implode()))["dataset_id"]


def _given_time(space: Workspace, table: str, key: str) -> pl.Expr:
    """Whether the change set gave the row its time."""
    given = space.given.get(table)
    if given is None or "last_update_given" not in given.columns:
        return pl.lit(False)
    ids = given.filter(pl.col("last_update_given").is_not_null())[key].cast(TABLES[table].schema[key])
    return pl.col(key).is_in(ids.implode())


def _stamp(space: Workspace, stamped: pl.Expr) -> pl.Expr:
    now = pl.lit(space.time, dtype=pl.Int64)
    return pl.when(stamped).then(now).otherwise(pl.col("last_update")).alias("last_update")
