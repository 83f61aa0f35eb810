"""How large what somebody asks for is; pure."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from inventory.snapshot import Snapshot
from registry.naming import split_items

SIZES = pl.Schema({
    "item": pl.String, "dataset_id": pl.UInt32, "block_id": pl.UInt32, "size": pl.Int64, "num_files": pl.Int64,
})  # fmt: skip
"""A row for each block of each item; of an item without blocks none."""


def blocks_of(snapshot: Snapshot, items: Sequence[str]) -> pl.DataFrame:
    """The blocks that the items (datasets, or blocks as dataset#block) stand for, as ``SIZES``; unknown ones have none."""
    asked = pl.DataFrame({"item": list(dict.fromkeys(items))}, schema={"item": pl.String}).with_columns(split_items())
    names = asked["dataset"].unique().implode()
    datasets = snapshot.table("datasets").filter(pl.col("name").is_in(names)).select("dataset_id", dataset="name")
    wanted = asked.lazy().join(datasets, on="dataset").collect()
    blocks = snapshot.table("blocks").filter(pl.col("dataset_id").is_in(wanted["dataset_id"].unique().implode()))
    found = (
        wanted.lazy()
        .join(blocks, on="dataset_id")
        .filter(pl.col("block").is_null() | (pl.col("block") == pl.col("name")))
    )
    return found.select([pl.col(name).cast(kind) for name, kind in SIZES.items()]).sort("item", "block_id").collect()


def bytes_of(snapshot: Snapshot, items: Sequence[str]) -> int:
    """Bytes of all the items together, each block once."""
    return int(blocks_of(snapshot, items).unique("block_id")["size"].sum())
