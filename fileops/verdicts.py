"""What is to be done about each waiting file, by what the inventory says now; pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from fileops.lifecycle import Event

GO, WAIT = "go", "wait"
GONE = "its replica is not in the inventory"
ARRIVED = "the inventory has it there already"
KNOWN = "the inventory has come to know it"


def judge(
    files: pl.DataFrame, replicas: pl.DataFrame, present: pl.DataFrame, known: pl.DataFrame, now: datetime, grace: float
) -> pl.DataFrame:
    """``files`` (columns of ``WAITING_FILES``) with ``verdict`` (``go``, ``wait`` or an Event) and ``message``.

    ``replicas``: dataset, block, site of block replicas that exist; ``present``: lfn, site of files there;
    ``known``: lfn, site of files of blocks that have a replica at the site, whether or not they are present.
    A subscription is written before the decision's change set is committed: for ``grace`` seconds it waits for its
    replica, then nobody wants it any more.
    """
    there = pl.lit(True).alias("there")
    marked = (
        files.join(replicas.with_columns(there), on=["dataset", "block", "site"], how="left", maintain_order="left")
        .join(present.with_columns(there.alias("present")), on=["lfn", "site"], how="left", maintain_order="left")
        .join(known.with_columns(there.alias("known")), on=["lfn", "site"], how="left", maintain_order="left")
        .with_columns(pl.col("there", "present", "known").fill_null(False))
    )
    managed, copy = pl.col("dataset") != "", pl.col("operation") == "copy"
    young = pl.col("created") > now - timedelta(seconds=grace)
    lost = managed & ~(pl.col("there") & (pl.col("known") | ~copy))
    verdict = (
        pl.when(~managed & pl.col("known")).then(pl.lit(Event.CANCELLED.value))
        .when(lost & young).then(pl.lit(WAIT))
        .when(lost).then(pl.lit(Event.CANCELLED.value))
        .when(managed & copy & pl.col("present")).then(pl.lit(Event.FOUND.value))
        .otherwise(pl.lit(GO))
    )  # fmt: skip
    message = (
        pl.when(~managed & pl.col("known")).then(pl.lit(KNOWN))
        .when(lost).then(pl.lit(GONE))
        .when(managed & copy & pl.col("present")).then(pl.lit(ARRIVED))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    return marked.with_columns(verdict.alias("verdict"), message.alias("message")).drop("there", "present", "known")


def free(files: pl.DataFrame, in_hand: pl.DataFrame) -> pl.DataFrame:
    """Those of ``files`` (site, lfn, operation, source) that may be begun while ``in_hand`` (the same columns) goes on.

    One operation at once on one file at one site; and nothing is deleted while a copy reads it, here or there.
    """
    read = pl.concat([_sources(in_hand), _sources(files)])
    deleted = in_hand.filter(pl.col("operation") == "delete").select("site", "lfn")
    idle = files.join(in_hand.select("site", "lfn").unique(), on=["site", "lfn"], how="anti", maintain_order="left")
    copies = idle.filter(pl.col("operation") == "copy").join(
        deleted, left_on=["source", "lfn"], right_on=["site", "lfn"], how="anti", maintain_order="left"
    )
    deletions = idle.filter(pl.col("operation") == "delete").join(
        read, on=["site", "lfn"], how="anti", maintain_order="left"
    )
    return pl.concat([copies, deletions])


def _sources(files: pl.DataFrame) -> pl.DataFrame:
    copies = files.filter(pl.col("operation") == "copy")
    return copies.select(pl.col("source").alias("site"), "lfn").unique()
