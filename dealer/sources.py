"""Which blocks can be copied at all: all of their files are at sites that can be read."""

from __future__ import annotations

import polars as pl

from inventory.snapshot import Snapshot


def block_sources(snapshot: Snapshot, datasets: pl.LazyFrame) -> pl.LazyFrame:
    """frame(block_id, whole, part: Boolean) of the blocks of ``datasets`` (frame(dataset_id)).

    ``whole``: ready sites have every file, counting partial replicas together file by file (a block without files needs no
    source); ``part``: a ready site has some of it.
    """
    ready = snapshot.table("sites").filter(pl.col("status").cast(pl.String) == "READY").select("site_id")
    blocks = snapshot.table("blocks").join(datasets, on="dataset_id", how="semi").select("block_id", "num_files")
    replicas = snapshot.table("block_replicas").join(datasets, on="dataset_id", how="semi")
    by_block = (
        replicas.join(ready, on="site_id", how="semi").group_by("block_id")
        .agg(complete=pl.col("complete").any(), part=(pl.col("complete") | (pl.col("num_files") > 0)).any())
    )  # fmt: skip
    by_file = (
        snapshot.table("replica_files").join(datasets, on="dataset_id", how="semi").join(ready, on="site_id", how="semi")
        .group_by("block_id").agg(found=pl.col("file_id").n_unique())
    )  # fmt: skip
    together = pl.col("complete").fill_null(False) | (pl.col("found").fill_null(0) >= pl.col("num_files"))
    joined = blocks.join(by_block, on="block_id", how="left").join(by_file, on="block_id", how="left")
    return joined.select("block_id", together.alias("whole"), pl.col("part").fill_null(False))
