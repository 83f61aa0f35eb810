"""From LFNs to files, blocks and the block replicas that have them, whatever the number of files in the inventory."""

from __future__ import annotations

import polars as pl

from inventory.snapshot import Snapshot


def located(snapshot: Snapshot, lfns: pl.Series) -> pl.DataFrame:
    """Where the files with ``lfns`` belong and are: lfn, dataset_id, block_id, file_id, size (bytes), site_id, present.

    A row for each block replica of the file's block; one with null site_id where the block is nowhere. LFNs that do not
    exist have no row.
    """
    keys = ["dataset_id", "block_id", "site_id"]
    files = snapshot.files_called(lfns).select("lfn", "dataset_id", "block_id", "file_id", "size")
    ids = files["dataset_id"].unique()
    replicas = snapshot.of_datasets("block_replicas", ids).select(*keys, "complete")
    listed = snapshot.of_datasets("replica_files", ids).with_columns(listed=True)
    rows = files.join(replicas, on=keys[:2], how="left").join(listed, on=[*keys, "file_id"], how="left")
    present = (pl.col("complete") | pl.col("listed").fill_null(False)).fill_null(False)
    return rows.select(*files.columns, "site_id", present=present).sort("lfn", "site_id")
