"""Who has (or gets) which data, as PhEDEx's subscriptions, as JSON text; pure.

A site with replicas of all blocks of a dataset is subscribed to the dataset, another one to the blocks that it has.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from inventory.snapshot import Snapshot
from registry.classic.rendering import encoded, joined, with_list, yes_no
from registry.classic.replicas import ReplicaFilter, blocks_of, datasets_of, groups_of, owned, owners_of, sites_of

_CUSTODIAL = "_MSS"
_TEXTS = pl.List(pl.String)


def subscriptions(snapshot: Snapshot, which: ReplicaFilter) -> Iterator[str]:
    """JSON objects of datasets with their subscriptions, with commas between; only names, sites and owners filter."""
    sites = sites_of(snapshot, which.nodes, which.hosts)
    for datasets in groups_of(datasets_of(snapshot, which.datasets)):
        yield _rendered(snapshot, which, datasets, sites)


def _rendered(snapshot: Snapshot, which: ReplicaFilter, datasets: pl.DataFrame, sites: pl.DataFrame) -> str:
    ids = datasets["dataset_id"]
    blocks = blocks_of(snapshot, datasets, None).select("dataset_id", "block_id", "name", "size", "num_files")
    whole = blocks.group_by("dataset_id").agg(pl.len().alias("blocks"), pl.col("size", "num_files").sum())
    replicas = owned(snapshot, snapshot.of_datasets("block_replicas", ids), which.group).join(sites, on="site_id")
    at_sites = _at_sites(replicas).join(whole, on="dataset_id")
    of_datasets = _of_datasets(snapshot, ids, at_sites.filter(pl.col("here") == pl.col("blocks")))
    partly = at_sites.filter(pl.col("here") < pl.col("blocks"))
    wanted = blocks if which.blocks is None else blocks_of(snapshot, datasets, which.blocks).select(blocks.columns)
    of_blocks = _of_blocks(snapshot, replicas.join(partly, on=["dataset_id", "site_id"], how="semi"), wanted)
    known = snapshot.of_datasets("datasets", ids).select("dataset_id", "is_open")
    shown = datasets.join(known, on="dataset_id").join(whole, on="dataset_id")
    shown = shown.join(of_datasets, on="dataset_id", how="left").join(of_blocks, on="dataset_id", how="left")
    some = pl.any_horizontal(pl.col("subscription", "block").is_not_null())
    return joined(shown.filter(some).sort("dataset_id").select(_dataset()).to_series())


def _at_sites(replicas: pl.DataFrame) -> pl.DataFrame:
    """What of a dataset is at a site: dataset_id, site_id, node, here (blocks), node_bytes, node_files, time_update."""
    return replicas.group_by("dataset_id", "site_id", "node").agg(
        pl.len().alias("here"), pl.col("size").sum().alias("node_bytes"), pl.col("num_files").sum().alias("node_files"),
        pl.col("last_update").max().alias("time_update"),
    )  # fmt: skip


def _of_datasets(snapshot: Snapshot, ids: pl.Series, at_sites: pl.DataFrame) -> pl.DataFrame:
    """dataset_id, subscription: JSON objects of the sites that have replicas of all blocks."""
    owners = snapshot.of_datasets("dataset_replicas", ids).join(owners_of(snapshot), on="group_id", how="left")
    rows = at_sites.join(owners.select("dataset_id", "site_id", "group"), on=["dataset_id", "site_id"], how="left")
    rows = rows.sort("dataset_id", "node").with_columns(subscription=_subscription("DATASET"))
    return rows.group_by("dataset_id").agg("subscription")


def _of_blocks(snapshot: Snapshot, replicas: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """dataset_id, block: JSON objects of the blocks with the sites that have replicas of them."""
    rows = replicas.select(
        "block_id", "site_id", "node", "group_id", time_update="last_update", node_bytes="size", node_files="num_files"
    ).join(blocks, on="block_id")  # fmt: skip
    rows = rows.join(owners_of(snapshot), on="group_id", how="left").sort("dataset_id", "name", "node")
    rows = rows.with_columns(subscription=_subscription("BLOCK"))
    by_block = rows.group_by("dataset_id", "block_id", maintain_order=True).agg(
        pl.col("name", "size", "num_files").first(), "subscription"
    )
    block = with_list(_sizes(pl.col("name"), pl.col("block_id")), "subscription", pl.col("subscription"))
    return by_block.select("dataset_id", block.alias("block")).group_by("dataset_id", maintain_order=True).agg("block")


def _subscription(level: str) -> pl.Expr:
    never = pl.lit(None, pl.Int64).alias("suspend_until")
    return encoded(
        pl.col("node"), pl.col("site_id").alias("node_id"), pl.lit(level).alias("level"), pl.col("group"),
        yes_no(pl.col("node").str.contains(_CUSTODIAL, literal=True)).alias("custodial"), pl.col("node_bytes"),
        pl.col("node_files"), _percent("node_bytes", "size").alias("percent_bytes"),
        _percent("node_files", "num_files").alias("percent_files"), never, pl.col("time_update"),
    )  # fmt: skip


def _percent(part: str, whole: str) -> pl.Expr:
    """Nothing of nothing is all."""
    return pl.when(pl.col(whole) > 0).then(pl.col(part) * 100.0 / pl.col(whole)).otherwise(100.0)


def _sizes(name: pl.Expr, number: pl.Expr, *more: pl.Expr) -> pl.Expr:
    return encoded(
        name.alias("name"), number.alias("id"), pl.col("size").alias("bytes"), pl.col("num_files").alias("files"), *more
    )


def _dataset() -> pl.Expr:
    head = _sizes(pl.col("dataset"), pl.col("dataset_id"), yes_no(pl.col("is_open")).alias("is_open"))
    blocks = pl.col("block")
    with_blocks = pl.when(blocks.is_null()).then(head).otherwise(with_list(head, "block", blocks))
    return with_list(with_blocks, "subscription", pl.col("subscription").fill_null(pl.lit([], _TEXTS)))
