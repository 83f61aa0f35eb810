"""Datasets, sites and groups of the inventory as plain rows for pages, from one snapshot. Sizes in bytes, times in UTC seconds."""

from __future__ import annotations

from typing import Any

import polars as pl

from inventory.policy.patterns import glob_matches, is_glob
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot

DATASET_SORTS = ("name", "last_update", "num_access", "status", "data_type")
_TEXTS = ("status", "data_type")


def datasets(
    snapshot: Snapshot, text: str = "", status: str = "", sort: str = "name", descending: bool = False, offset: int = 0, limit: int = 50
) -> tuple[int, list[dict[str, Any]]]:  # fmt: skip
    """How many datasets match (a glob, or a part of the name), and one page of them with size, blocks, files and replicas."""
    chosen = snapshot.table("datasets").with_columns(pl.col(*_TEXTS).cast(pl.String))
    if text:
        chosen = chosen.filter(called(text))
    if status:
        chosen = chosen.filter(pl.col("status") == status)
    keys = [sort] if sort == "name" else [sort, "name"]
    order = [descending, *[False] * (len(keys) - 1)]
    columns = [*dict.fromkeys(("dataset_id", "name", *DATASET_SORTS, "is_open", "software_version"))]
    found = chosen.select(columns).sort(keys, descending=order).collect()
    rows = found.slice(offset, limit)
    return found.height, _with_sums(snapshot, rows).to_dicts()


def called(text: str) -> pl.Expr:
    """Names that the glob matches; a text without wildcards is looked for anywhere in them."""
    return glob_matches(pl.col("name"), text) if is_glob(text) else pl.col("name").str.contains(text, literal=True)


def _with_sums(snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    ids = rows["dataset_id"]
    blocks = snapshot.of_datasets("blocks", ids).group_by("dataset_id").agg(
        pl.col("size").sum(), pl.col("num_files").cast(pl.Int64).sum(), num_blocks=pl.len()
    )  # fmt: skip
    replicas = snapshot.of_datasets("dataset_replicas", ids).group_by("dataset_id").agg(num_replicas=pl.len())
    joined = rows.join(blocks, on="dataset_id", how="left", maintain_order="left")
    joined = joined.join(replicas, on="dataset_id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("size", "num_files", "num_blocks", "num_replicas").fill_null(0))


def dataset(snapshot: Snapshot, name: str) -> dict[str, Any] | None:
    """The dataset's row with the same sums; None when there is none."""
    rows = snapshot.table("datasets").filter(pl.col("name") == name).with_columns(pl.col(*_TEXTS).cast(pl.String))
    found = rows.collect()
    return _with_sums(snapshot, found).row(0, named=True) if found.height else None


def dataset_replicas(snapshot: Snapshot, dataset_id: int) -> list[dict[str, Any]]:
    """A row for each site that has, or shall have, something of the dataset, the fullest first."""
    ids = pl.Series([dataset_id], dtype=pl.UInt32)
    whole = snapshot.of_datasets("blocks", ids)
    blocks = snapshot.of_datasets("block_replicas", ids).group_by("site_id").agg(
        pl.col("size").sum(), pl.col("num_files").cast(pl.Int64).sum(), num_blocks=pl.len(), num_complete=pl.col("complete").sum(),
        custodial=pl.col("custodial").any(), last_update=pl.col("last_update").max(),
        group_ids=pl.col("group_id").unique().sort(),
    )  # fmt: skip
    replicas = snapshot.of_datasets("dataset_replicas", ids).select("site_id", "growing")
    sites = snapshot.frame("sites").select(
        "site_id", site="name", site_status=pl.col("status").cast(pl.String), storage_type=pl.col("storage_type").cast(pl.String)
    )  # fmt: skip
    names = dict(snapshot.frame("groups").select("group_id", "name").iter_rows())
    found = replicas.join(blocks, on="site_id", how="left").join(sites, on="site_id", how="left")
    found = found.with_columns(pl.col("size", "num_files", "num_blocks", "num_complete").fill_null(0))
    rows = found.sort("num_complete", "size", "site", descending=[True, True, False]).to_dicts()
    total = int(whole["size"].sum())
    return [
        row | {"groups": [names[group] for group in row["group_ids"] or [] if group != NO_GROUP_ID], "all_blocks": whole.height, "whole": total}
        for row in rows
    ]  # fmt: skip


def dataset_blocks(
    snapshot: Snapshot, dataset_id: int, offset: int = 0, limit: int = 100
) -> tuple[int, list[dict[str, Any]]]:
    """How many blocks, and a page of them with the sites that have them completely or in part."""
    ids = pl.Series([dataset_id], dtype=pl.UInt32)
    blocks = snapshot.of_datasets("blocks", ids).sort("name")
    rows = blocks.slice(offset, limit)
    sites = snapshot.frame("sites").select("site_id", site="name")
    here = snapshot.of_datasets("block_replicas", ids).join(rows.select("block_id"), on="block_id", how="semi")
    named = here.join(sites, on="site_id").sort("site").group_by("block_id", maintain_order=True).agg(
        at=pl.struct("site", "complete", present=pl.col("size"))
    )  # fmt: skip
    return blocks.height, rows.join(named, on="block_id", how="left", maintain_order="left").to_dicts()


def sites(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every site with its kind, status, and how many datasets, blocks and bytes are there."""
    counts = snapshot.table("block_replicas").group_by("site_id").agg(
        pl.col("size").sum(), num_blocks=pl.len(), num_datasets=pl.col("dataset_id").n_unique()
    ).collect()  # fmt: skip
    rows = snapshot.frame("sites").with_columns(pl.col("status", "storage_type").cast(pl.String))
    joined = rows.join(counts, on="site_id", how="left").with_columns(
        pl.col("size", "num_blocks", "num_datasets").fill_null(0)
    )
    return joined.sort("name").to_dicts()


def largest_datasets(snapshot: Snapshot, limit: int, *, site_id: int | None = None, group_id: int | None = None) -> list[dict[str, Any]]:  # fmt: skip
    """The datasets with the most bytes at the site, or of the group: name, size, num_blocks, num_complete."""
    key, value = ("site_id", site_id) if site_id is not None else ("group_id", group_id)
    found = snapshot.table("block_replicas").filter(pl.col(key) == value).group_by("dataset_id").agg(
        pl.col("size").sum(), num_blocks=pl.len(), num_complete=pl.col("complete").sum()
    ).top_k(limit, by="size")  # fmt: skip
    names = snapshot.table("datasets").select("dataset_id", "name")
    return found.join(names, on="dataset_id").sort("size", "name", descending=[True, False]).collect().to_dicts()


def groups(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every group with what it owns; nobody's group as the last one."""
    sums = snapshot.table("block_replicas").group_by("group_id").agg(
        pl.col("size").sum(), num_blocks=pl.len(), num_datasets=pl.col("dataset_id").n_unique(),
        num_sites=pl.col("site_id").n_unique(),
    ).collect()  # fmt: skip
    rows = snapshot.frame("groups").with_columns(pl.col("level").cast(pl.String))
    joined = rows.join(sums, on="group_id", how="left")
    joined = joined.with_columns(pl.col("size", "num_blocks", "num_datasets", "num_sites").fill_null(0))
    return joined.sort(pl.col("group_id") == NO_GROUP_ID, "name").to_dicts()


def group_at_sites(snapshot: Snapshot, group_id: int) -> list[dict[str, Any]]:
    """What the group owns by site, the largest first."""
    sums = snapshot.table("block_replicas").filter(pl.col("group_id") == group_id).group_by("site_id").agg(
        pl.col("size").sum(), num_blocks=pl.len(), num_datasets=pl.col("dataset_id").n_unique()
    )  # fmt: skip
    named = sums.join(snapshot.table("sites").select("site_id", site="name"), on="site_id")
    return named.sort("size", "site", descending=[True, False]).collect().to_dicts()
