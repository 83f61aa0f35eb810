"""What Dynamo knows of a site at one moment, as the frames that the comparison wants."""

from __future__ import annotations

import polars as pl

from consistency.compare import Knowledge
from consistency.frames import EXPECTED
from inventory.snapshot import Snapshot, split_lfn


class UnknownSite(ValueError):
    """The inventory has no such site."""


def site_id(snapshot: Snapshot, site: str) -> int:
    """The id of ``site``; raises :class:`UnknownSite` naming what there is."""
    row = snapshot.row("sites", site)
    if row is None:
        names = snapshot.table("sites").select(pl.col("name").sort()).collect()["name"].to_list()
        raise UnknownSite(f"no site {site!r} in the inventory; there are {', '.join(names) or 'none at all'}")
    return int(str(row["site_id"]))


def know(
    snapshot: Snapshot, site: str, operations: pl.DataFrame, open_items: pl.DataFrame, protected: frozenset[str]
) -> Knowledge:
    """``operations``: frame(lfn, operation) open at the site; ``open_items``: frame(dataset, block, site) of requests."""
    number = site_id(snapshot, site)
    replicas = snapshot.table("block_replicas").filter(pl.col("site_id") == number)
    concerned = open_items.filter(pl.col("site").is_null() | (pl.col("site") == site))
    return Knowledge(
        expected=_expected(snapshot, number),
        operations=operations.select(*split_lfn(), "operation"),
        blocks=replicas.select("block_id").collect(),
        datasets=replicas.select("dataset_id").unique().collect(),
        requested=concerned.select("dataset").unique(),
        protected=protected,
    )


def _expected(snapshot: Snapshot, number: int) -> pl.DataFrame:
    """EXPECTED: all files of complete block replicas, and the listed ones of the others."""
    here = snapshot.table("block_replicas").filter((pl.col("site_id") == number) & pl.col("complete"))
    files = snapshot.table("files")
    whole = files.join(here.select("block_id"), on="block_id", how="semi")
    listed = snapshot.table("replica_files").filter(pl.col("site_id") == number).select("file_id")
    partial = files.join(listed, on="file_id", how="semi")
    columns = EXPECTED.names()
    return pl.concat([whole.select(columns), partial.select(columns)]).unique(["directory", "base_name"]).collect()
