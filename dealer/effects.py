"""What a site's copies come to: rows for the inventory, and files for file operations; pure."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from fileops.presence import in_replicas
from fileops.subscriptions import missing_files
from inventory.changes import ChangeSet
from inventory.snapshot import Snapshot

_REPLICA = ("dataset_id", "block_id", "site_id")


def still_possible(snapshot: Snapshot, copies: pl.DataFrame) -> pl.DataFrame:
    """Those of ``copies`` whose block and site the inventory still has: it may have changed since a killed cycle decided."""
    datasets = snapshot.table("datasets").filter(pl.col("name").is_in(copies["dataset"].unique().implode()))
    blocks = snapshot.table("blocks").join(datasets.select("dataset_id", dataset="name"), on="dataset_id")
    blocks = blocks.select("dataset", pl.col("name").alias("block"), "dataset_id", "block_id")
    sites = snapshot.table("sites").select(pl.col("name").alias("site"), "site_id")
    named = (
        copies.lazy().drop(_REPLICA).join(blocks, on=["dataset", "block"], maintain_order="left").join(sites, on="site")
    )
    return named.select(copies.columns).collect()


def change(snapshot: Snapshot, copies: pl.DataFrame, changes: ChangeSet) -> ChangeSet:
    """``changes`` with the replicas that ``copies`` (frame ``COPIES`` of one site) make or give to another owner."""
    datasets = _dataset_replicas(snapshot, copies)
    if datasets.height:
        changes.put("dataset_replicas", datasets)
    key = ["dataset", "block", "site"]
    known = snapshot.table("block_replicas").select(_REPLICA)
    there = copies.lazy().join(known, on=_REPLICA, how="semi").collect()
    new = copies.join(there, on=key, how="anti")
    if new.height:
        changes.put("block_replicas", new.select(*key, "group", complete=pl.lit(False)))
    if there.height:
        changes.put("block_replicas", there.select(*key, "group"))
    return changes


def _dataset_replicas(snapshot: Snapshot, copies: pl.DataFrame) -> pl.DataFrame:
    """New dataset replicas grow when the whole dataset was placed; existing ones change only where that was said."""
    by_dataset = copies.group_by("dataset", "site", "dataset_id", "site_id", maintain_order=True).agg(
        pl.col("growing").any(), pl.col("dataset_group").drop_nulls().first(), pl.col("group").first()
    )
    there = snapshot.table("dataset_replicas").select("dataset_id", "site_id", there=pl.lit(True))
    rows = by_dataset.lazy().join(there, on=["dataset_id", "site_id"], how="left", maintain_order="left").collect()
    is_new = pl.col("there").is_null()
    rows = rows.filter(is_new | pl.col("growing") | pl.col("dataset_group").is_not_null())
    growing = pl.when(pl.col("growing")).then(True).when(is_new).then(False)
    group = pl.coalesce("dataset_group", pl.when(is_new).then("group"))
    return rows.select("dataset", "site", growing=growing, group=group)


def wanted_files(snapshot: Snapshot, copies: pl.DataFrame, deletions: pl.DataFrame) -> pl.DataFrame:
    """Files to subscribe for ``copies`` of one site (columns of ``fileops.subscriptions.FILES``).

    Those that are not there, and of replicas that change owner also those that are about to be deleted: ``deletions`` are
    the site's open operations (site, lfn, operation).
    """
    replicas = copies.select(_REPLICA)
    missing = missing_files(snapshot, replicas)
    going = deletions.filter(pl.col("operation") == "delete").select("site", "lfn")
    if going.is_empty():
        return missing
    kept = in_replicas(snapshot, replicas).join(going, on=["site", "lfn"], how="semi").select(missing.columns)
    return pl.concat([missing, kept])


def by_cause(files: pl.DataFrame, copies: pl.DataFrame, proposals: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """``files`` by the cause of the proposal that placed their block, e.g. ``request 12``."""
    causes = copies.select("dataset", "block", "number").join(
        proposals.select("number", "cause"), on="number", how="left"
    )
    joined = files.join(
        causes.select("dataset", "block", "cause"), on=["dataset", "block"], how="left", maintain_order="left"
    )
    for (cause,), rows in joined.partition_by("cause", as_dict=True, maintain_order=True).items():
        yield str(cause), rows.select(files.columns)
