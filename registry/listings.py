"""Datasets, groups, sites and block replicas as the classic interface lists them; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from inventory.partitions import definitions, occupancy
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot
from registry.naming import matches

Rows = list[dict[str, Any]]
_TB = 1e12


def datasets(snapshot: Snapshot, patterns: Sequence[str], most: int) -> Rows:
    """The first ``most`` datasets that match: name, size (bytes), num_files, status, type."""
    chosen = snapshot.table("datasets").filter(matches("name", patterns)).sort("name").head(most)
    sums = snapshot.table("blocks").group_by("dataset_id").agg(pl.col("size", "num_files").sum())
    rows = chosen.join(sums, on="dataset_id", how="left", maintain_order="left")
    columns = ["name", "size", "num_files", pl.col("status").cast(pl.String), pl.col("data_type").alias("type")]
    return rows.with_columns(pl.col("size", "num_files").fill_null(0)).select(columns).collect().to_dicts()


def groups(snapshot: Snapshot, patterns: Sequence[str] | None) -> Rows:
    """Names of groups that match (None: all); nobody is shown as "(no group)"."""
    shown = pl.when(pl.col("group_id") == NO_GROUP_ID).then(pl.lit("(no group)")).otherwise("name").alias("name")
    named = snapshot.frame("groups").select(shown).sort("name")
    return (named if patterns is None else named.filter(matches("name", patterns))).to_dicts()


def sites(snapshot: Snapshot, patterns: Sequence[str] | None, partitions: Sequence[str] | None) -> Rows:
    """Sites that match, with quota and usage (TB) in the partitions that match, and in all simple ones with a quota together."""
    wanted = ["name", "host", pl.col("storage_type").cast(pl.String), pl.col("status").cast(pl.String)]
    chosen = snapshot.frame("sites").select(wanted).sort("name")
    chosen = chosen if patterns is None else chosen.filter(matches("name", patterns))
    usage = _usage(snapshot).filter(pl.col("site").is_in(chosen["name"].implode()))
    shown = usage if partitions is None else usage.filter(matches("name", partitions))
    by_site = shown.partition_by("site", as_dict=True, include_key=False)
    totals = {row["site"]: row for row in _totals(usage).to_dicts()}
    return [_site(row, by_site.get((row["name"],)), totals.get(row["name"], {})) for row in chosen.to_dicts()]


def _usage(snapshot: Snapshot) -> pl.DataFrame:
    """site, name (of the partition), type, quota, usage, projected_usage (TB)."""
    kinds = {
        name: "composite" if isinstance(parts, tuple) else "basic" for name, parts in definitions(snapshot).items()
    }
    kind = pl.col("partition").replace_strict(kinds, return_dtype=pl.String).alias("type")
    terabytes = (
        pl.col("quota") / _TB,
        pl.col("present").alias("usage") / _TB,
        pl.col("projected").alias("projected_usage") / _TB,
    )
    return occupancy(snapshot).select("site", pl.col("partition").alias("name"), kind, *terabytes)


def _totals(usage: pl.DataFrame) -> pl.DataFrame:
    counted = usage.filter((pl.col("type") == "basic") & (pl.col("quota") > 0))
    return counted.group_by("site").agg(pl.col("quota", "usage", "projected_usage").sum())


def _site(row: dict[str, Any], partitions: pl.DataFrame | None, total: dict[str, Any]) -> dict[str, Any]:
    totals = {f"total_{name}": total.get(name, 0.0) for name in ("quota", "usage", "projected_usage")}
    return {**row, "partitions": [] if partitions is None else partitions.to_dicts(), **totals}


@dataclass(frozen=True)
class ReplicaFilter:
    """Which block replicas: ``datasets`` and ``blocks`` (name within the dataset) are globs; None does not filter."""

    datasets: Sequence[str]
    blocks: Sequence[str] | None = None
    nodes: Sequence[str] | None = None
    complete: bool | None = None
    group: str | None = None
    since: int | None = None


def block_replicas(snapshot: Snapshot, which: ReplicaFilter, most: int) -> tuple[Rows, bool]:
    """Blocks with their replicas in the shape of PhEDEx, and whether there are more than the first ``most`` replicas."""
    blocks = _chosen_blocks(snapshot, which)
    replicas = (
        snapshot.table("block_replicas")
        .rename({"size": "bytes", "num_files": "files"})
        .join(blocks, on=["dataset_id", "block_id"])
        .join(_named(snapshot, "sites", "site_id", "node").with_columns(se="host"), on="site_id")
        .join(_named(snapshot, "groups", "group_id", "group"), on="group_id", how="left")
        .filter(*_conditions(which))
        .sort("name", "node")
        .head(most + 1)
        .collect()
    )
    return _by_block(replicas.head(most)), replicas.height > most


def _named(snapshot: Snapshot, table: str, key: str, name: str) -> pl.LazyFrame:
    more = ["host"] if table == "sites" else []
    return snapshot.table(table).select(key, pl.col("name").alias(name), *more)


def _chosen_blocks(snapshot: Snapshot, which: ReplicaFilter) -> pl.LazyFrame:
    chosen = snapshot.table("datasets").filter(matches("name", which.datasets))
    blocks = snapshot.table("blocks").join(chosen.select("dataset_id", dataset="name"), on="dataset_id")
    if which.blocks is not None:
        blocks = blocks.filter(matches("name", which.blocks))
    full_name = pl.format("{}#{}", "dataset", "name").alias("name")
    return blocks.select("dataset_id", "block_id", full_name, "is_open", block_size="size", block_files="num_files")


def _conditions(which: ReplicaFilter) -> list[pl.Expr]:
    given: dict[str, Callable[[Any], pl.Expr]] = {
        "nodes": lambda value: matches("node", value),
        "complete": lambda value: pl.col("complete") == value,
        "group": lambda value: pl.col("group") == value,
        "since": lambda value: pl.col("last_update") >= value,
    }
    chosen = [(make, getattr(which, name)) for name, make in given.items()]
    return [make(value) for make, value in chosen if value is not None] or [pl.lit(True)]


def _by_block(replicas: pl.DataFrame) -> Rows:
    yes_no = {
        name: pl.when(name).then(pl.lit("y")).otherwise(pl.lit("n")) for name in ("complete", "custodial", "is_open")
    }
    subscribed = pl.when(pl.col("group_id") == NO_GROUP_ID).then(pl.lit("n")).otherwise(pl.lit("y"))
    replica = pl.struct(
        "node", "files", "bytes", "se", "complete", "group", "custodial", "subscribed",
        node_id="site_id", time_create="last_update", time_update="last_update",
    )  # fmt: skip
    shown = replicas.with_columns(**yes_no, subscribed=subscribed)
    keys: list[pl.Expr | str] = [pl.col("name"), pl.col("block_files").alias("files"), pl.col("block_size").alias("bytes"), "is_open",
            pl.col("block_id").alias("id")]  # fmt: skip
    grouped = shown.select(*keys, replica.alias("replica")).group_by(
        "name", "files", "bytes", "is_open", "id", maintain_order=True
    )
    return grouped.agg("replica").to_dicts()
