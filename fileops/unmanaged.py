"""Deletion of files that the inventory does not know (orphans, production's leftovers)."""

from __future__ import annotations

import polars as pl

from fileops.models import Operation
from fileops.subscriptions import FILES, Subscribed, without_open
from fileops.subscriptions import subscribe as subscribe_files


def subscribe(site: str, files: pl.DataFrame, author: str, cause: str = "") -> Subscribed:
    """Want files (lfn String, size Int64 bytes) gone from ``site``; call inside ``transaction.atomic()``.

    A file that has an open subscription there is left to that one: somebody wants it, or it is going anyway. Should the
    inventory come to know a file before its turn, its deletion is cancelled.
    """
    rows = files.select("lfn", "size").unique("lfn", maintain_order=True).with_columns(pl.lit(site).alias("site"))
    free = without_open(rows)
    nameless = free.with_columns(
        pl.lit("").alias("dataset"), pl.lit("").alias("block"), pl.lit(None, dtype=pl.UInt32).alias("adler32")
    )
    made = subscribe_files(nameless.select(FILES.names()), Operation.DELETE, author, cause)
    return Subscribed(made.made, made.existing + rows.height - free.height, made.cancelled)
