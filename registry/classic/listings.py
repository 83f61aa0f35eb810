"""Datasets, groups and sites as the classic interface lists them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from inventory.partitions import definitions, occupancy
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot
from registry.classic.rendering import encoded, joined, lower
from registry.classic.replicas import datasets_of, groups_of
from registry.naming import matches

Rows = list[dict[str, Any]]
_TB = 1e12


def datasets(snapshot: Snapshot, patterns: Sequence[str]) -> Iterator[str]:
    """Datasets that match, as JSON objects with commas between: name, size (bytes), num_files, status, type."""
    for some in groups_of(datasets_of(snapshot, patterns)):
        sums = snapshot.of_datasets("blocks", some["dataset_id"]).group_by("dataset_id")
        rows = snapshot.of_datasets("datasets", some["dataset_id"]).join(
            sums.agg(pl.col("size", "num_files").sum()), on="dataset_id", how="left", maintain_order="left"
        )
        numbers = pl.col("size", "num_files").fill_null(0)
        shown = encoded("name", numbers, lower("status"), pl.col("data_type").alias("type"))
        yield joined(rows.select(shown).to_series())


def groups(snapshot: Snapshot, patterns: Sequence[str] | None) -> Rows:
    """Names of groups that match (None: all); nobody is shown as "(no group)"."""
    shown = pl.when(pl.col("group_id") == NO_GROUP_ID).then(pl.lit("(no group)")).otherwise("name").alias("name")
    named = snapshot.frame("groups").select(shown).sort("name")
    return (named if patterns is None else named.filter(matches("name", patterns))).to_dicts()


def sites(snapshot: Snapshot, patterns: Sequence[str] | None, partitions: Sequence[str] | None) -> Rows:
    """Sites that match, with quota and usage (TB) in the partitions that match, and in all simple ones with a quota together."""
    wanted = ["name", "host", lower("storage_type"), lower("status")]
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
