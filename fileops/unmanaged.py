"""Deletion of files that the inventory does not know (orphans, production's leftovers)."""

from __future__ import annotations

import polars as pl

from fileops.models import Operation, Subscription, file_key
from fileops.subscriptions import FILES, Subscribed
from fileops.subscriptions import subscribe as subscribe_files

_CHUNK = 500


def subscribe(site: str, files: pl.DataFrame, author: str, cause: str = "") -> Subscribed:
    """Want files (lfn String, size Int64 bytes) gone from ``site``; call inside ``transaction.atomic()``.

    A file that has an open subscription there is left to that one: somebody wants it, or it is going anyway. Should the
    inventory come to know a file before its turn, its deletion is cancelled.
    """
    rows = files.select("lfn", "size").unique("lfn", maintain_order=True)
    keys = [file_key(site, lfn) for lfn in rows["lfn"]]
    taken: set[str] = set()
    for start in range(0, len(keys), _CHUNK):
        opened = Subscription.objects.filter(open_key__in=keys[start : start + _CHUNK])
        taken.update(opened.values_list("key", flat=True))
    free = rows.filter(pl.Series([key not in taken for key in keys], dtype=pl.Boolean))
    nameless = free.with_columns(
        pl.lit("").alias("dataset"), pl.lit("").alias("block"), pl.lit(site).alias("site"),
        pl.lit(None, dtype=pl.UInt32).alias("adler32"),
    )  # fmt: skip
    made = subscribe_files(nameless.select(FILES.names()), Operation.DELETE, author, cause)
    return Subscribed(made.made, made.existing + len(taken), made.cancelled)
