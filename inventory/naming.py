"""Tables of a snapshot as rows of change sets: names instead of ids."""

from __future__ import annotations

import polars as pl

from inventory.changes import NAMED
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot


def in_names(snapshot: Snapshot, table: str) -> pl.DataFrame:
    """All rows of ``table`` with the columns of ``changes.NAMED``; the group that always exists is left out of ``groups``."""
    rows = snapshot.named(table)
    if table == "groups":
        rows = rows.filter(pl.col("group_id") != NO_GROUP_ID)
    if table == "quotas":
        names = snapshot.table("partitions").select("partition_id", pl.col("name").alias("partition"))
        rows = rows.join(names, on="partition_id")
    return rows.select(NAMED[table].names()).collect()
