"""Which files are where, as the inventory has it: pure functions over a snapshot, restricted to what is asked for."""

from __future__ import annotations

import polars as pl

from inventory.snapshot import Snapshot, lfn

PRESENT = ("dataset", "block", "lfn", "site", "size", "adler32")

_REPLICA = ["dataset_id", "block_id", "site_id"]
_KEYS = {"dataset_id": pl.UInt32, "block_id": pl.UInt32, "site_id": pl.UInt16}


def in_replicas(snapshot: Snapshot, replicas: pl.DataFrame) -> pl.DataFrame:
    """Files present in block ``replicas`` (dataset_id, block_id, site_id): columns of ``PRESENT``."""
    return _split(snapshot, replicas, "semi")


def not_in_replicas(snapshot: Snapshot, replicas: pl.DataFrame) -> pl.DataFrame:
    """Files of the blocks of ``replicas`` that are not present there: columns of ``PRESENT``."""
    return _split(snapshot, replicas, "anti")


def _split(snapshot: Snapshot, replicas: pl.DataFrame, how: str) -> pl.DataFrame:
    wanted = replicas.select(pl.col(name).cast(dtype) for name, dtype in _KEYS.items()).unique()
    state = snapshot.table("block_replicas").select(*_REPLICA, "complete")
    marked = wanted.lazy().join(state, on=_REPLICA, how="left").with_columns(pl.col("complete").fill_null(False))
    files = _files_of(snapshot, wanted).join(marked, on=["dataset_id", "block_id"])
    explicit = snapshot.table("replica_files").join(wanted.lazy(), on=_REPLICA, how="semi").select("file_id", "site_id")
    explicit = explicit.with_columns(pl.lit(True).alias("listed"))
    present = pl.col("complete") | pl.col("listed").fill_null(False)
    rows = files.join(explicit, on=["file_id", "site_id"], how="left").filter(present if how == "semi" else ~present)
    return with_names(snapshot, rows).select(PRESENT).sort("site", "lfn").collect()


def holders(snapshot: Snapshot, files: pl.DataFrame) -> pl.DataFrame:
    """Where files (dataset, block, lfn: String) are present: frame (lfn, site: String, storage_type, status: Enum)."""
    wanted = known(snapshot, files)
    whole = snapshot.table("block_replicas").filter("complete").select("block_id", "site_id")
    keys = wanted.lazy().select("block_id", "file_id", "lfn")
    complete = keys.join(whole, on="block_id").select("file_id", "lfn", "site_id")
    listed = snapshot.table("replica_files").select("file_id", "site_id")
    partial = keys.join(listed, on="file_id").select("file_id", "lfn", "site_id")
    sites = snapshot.table("sites").select("site_id", pl.col("name").alias("site"), "storage_type", "status")
    both = pl.concat([complete, partial]).unique().join(sites, on="site_id")
    return both.select("lfn", "site", "storage_type", "status").sort("lfn", "site").collect()


def known(snapshot: Snapshot, files: pl.DataFrame) -> pl.DataFrame:
    """Those of ``files`` (dataset, block, lfn: String) that the inventory has, with dataset_id, block_id, file_id."""
    names = files.select("dataset", "block", "lfn").unique()
    datasets = snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"))
    found = names.lazy().join(datasets, on="dataset").collect()
    ids = found["dataset_id"].unique()
    blocks = snapshot.table("blocks").filter(pl.col("dataset_id").is_in(ids.implode()))
    blocks = blocks.select("dataset_id", "block_id", pl.col("name").alias("block"))
    table = snapshot.table("files").filter(pl.col("dataset_id").is_in(ids.implode()))
    table = table.select("dataset_id", "block_id", "file_id", lfn())
    placed = found.lazy().join(blocks, on=["dataset_id", "block"])
    return placed.join(table, on=["dataset_id", "block_id", "lfn"]).collect()


def replicas_of(snapshot: Snapshot, names: pl.DataFrame) -> pl.DataFrame:
    """Block replicas that exist of ``names`` (dataset, block, site: String), with their ids, ``complete`` and num_files."""
    datasets = snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"))
    sites = snapshot.table("sites").select("site_id", pl.col("name").alias("site"))
    found = (
        names.lazy()
        .select("dataset", "block", "site")
        .unique()
        .join(datasets, on="dataset")
        .join(sites, on="site")
        .collect()
    )
    ids = found["dataset_id"].unique().implode()
    blocks = snapshot.table("blocks").filter(pl.col("dataset_id").is_in(ids))
    blocks = blocks.select("dataset_id", "block_id", pl.col("name").alias("block"))
    replicas = snapshot.table("block_replicas").filter(pl.col("dataset_id").is_in(ids))
    replicas = replicas.select(*_REPLICA, "complete", "num_files")
    placed = found.lazy().join(blocks, on=["dataset_id", "block"])
    return placed.join(replicas, on=_REPLICA).collect()


def _files_of(snapshot: Snapshot, replicas: pl.DataFrame) -> pl.LazyFrame:
    blocks = replicas.lazy().select("dataset_id", "block_id").unique()
    ids = replicas["dataset_id"].unique().implode()
    table = snapshot.table("files").filter(pl.col("dataset_id").is_in(ids))
    return table.join(blocks, on=["dataset_id", "block_id"], how="semi").with_columns(lfn())


def with_names(snapshot: Snapshot, rows: pl.LazyFrame) -> pl.LazyFrame:
    """``rows`` (dataset_id, block_id, site_id, …) with ``dataset``, ``block`` and ``site``."""
    blocks = snapshot.table("blocks").select("block_id", pl.col("name").alias("block"))
    datasets = snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"))
    sites = snapshot.table("sites").select("site_id", pl.col("name").alias("site"))
    return rows.join(blocks, on="block_id").join(datasets, on="dataset_id").join(sites, on="site_id")


def of_blocks_at_sites(snapshot: Snapshot, files: pl.DataFrame) -> pl.DataFrame:
    """Those of ``files`` (lfn, site: String) that belong to a block with a replica at the site, present or not."""
    if files.is_empty():
        return files.select("lfn", "site")
    sites = snapshot.table("sites").select("site_id", pl.col("name").alias("site"))
    wanted = files.lazy().join(sites, on="site")
    table = snapshot.files_called(files["lfn"]).lazy().select("lfn", "block_id")
    replicas = snapshot.table("block_replicas").select("block_id", "site_id")
    blocks = wanted.join(table, on="lfn")
    return blocks.join(replicas, on=["block_id", "site_id"], how="semi").select("lfn", "site").collect()
