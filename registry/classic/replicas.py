"""Block replicas in the shape of PhEDEx, as JSON text, some datasets at a time; pure.

However many there are, only the replicas of a few datasets are in memory as rows, and a few thousand of these as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot
from registry.classic.rendering import encoded, joined, with_list, yes_no
from registry.naming import is_glob, matches

_DATASETS = 1024  # as many as a chunk of the inventory has
_FIRST_DATASETS = 64
_ROWS = 10_000  # about 3 MB of text
_SUBSCRIBED = pl.col("group_id") != NO_GROUP_ID


@dataclass(frozen=True)
class ReplicaFilter:
    """Which block replicas; None does not filter.

    ``datasets``: names or globs; ``blocks``: full names (dataset#block) or globs, besides. ``nodes``: names or globs of sites,
    ``hosts`` of their storage; ``group``: a name, ``since``: UTC seconds of the last change. ``subscribed``: owned by a group.
    """

    datasets: Sequence[str]
    blocks: Sequence[str] | None = None
    nodes: Sequence[str] | None = None
    hosts: Sequence[str] | None = None
    complete: bool | None = None
    custodial: bool | None = None
    subscribed: bool | None = None
    group: str | None = None
    since: int | None = None


def datasets_of(snapshot: Snapshot, patterns: Sequence[str]) -> pl.DataFrame:
    """Datasets whose name is one of the names or matches one of the globs: dataset_id, dataset; by id."""
    if any(map(is_glob, patterns)):
        found = snapshot.frame("datasets", "dataset_id", "name").filter(matches("name", patterns))
    else:
        ids = snapshot.datasets_called(pl.Series(list(patterns), dtype=pl.String))
        if len(patterns) == 1:  # the usual question: what its name is needs no look
            return ids.to_frame("dataset_id").with_columns(dataset=pl.lit(patterns[0]))
        found = snapshot.of_datasets("datasets", ids).select("dataset_id", "name")
    return found.rename({"name": "dataset"}).sort("dataset_id")


def groups_of(datasets: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The datasets, few at first so that there is something soon, then more at a time."""
    yield datasets.head(_FIRST_DATASETS)
    for start in range(_FIRST_DATASETS, datasets.height, _DATASETS):
        yield datasets.slice(start, _DATASETS)


def block_replicas(snapshot: Snapshot, which: ReplicaFilter) -> Iterator[str]:
    """JSON objects of blocks with their replicas, with commas between; blocks without a replica that is wanted are not there."""
    for _, replicas in _found(snapshot, which):
        for part in _parts(replicas, "block_id"):
            yield joined(_blocks(part)["block"])


def datasets_with_replicas(snapshot: Snapshot, which: ReplicaFilter) -> Iterator[str]:
    """The same inside JSON objects of their datasets, whose numbers are those of all their blocks."""
    for datasets, replicas in _found(snapshot, which):
        ids = datasets["dataset_id"]
        whole = snapshot.of_datasets("blocks", ids).group_by("dataset_id").agg(pl.col("size", "num_files").sum())
        known = datasets.join(whole, on="dataset_id").join(
            snapshot.of_datasets("datasets", ids).select("dataset_id", "is_open"), on="dataset_id"
        )
        head = encoded(
            pl.col("dataset").alias("name"), pl.col("dataset_id").alias("id"), pl.col("size").alias("bytes"),
            pl.col("num_files").alias("files"), yes_no(pl.col("is_open")).alias("is_open"),
        )  # fmt: skip
        for part in _parts(replicas, "dataset_id"):
            rows = _blocks(part).group_by("dataset_id", maintain_order=True).agg("block")
            rows = rows.join(known, on="dataset_id", maintain_order="left")
            yield joined(rows.select(with_list(head, "block", pl.col("block"))).to_series())


def _found(snapshot: Snapshot, which: ReplicaFilter) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Some datasets at a time, with their replicas that are wanted."""
    sites = sites_of(snapshot, which.nodes, which.hosts)
    for datasets in groups_of(datasets_of(snapshot, which.datasets)):
        yield datasets, _replicas(snapshot, which, datasets, sites)


def sites_of(snapshot: Snapshot, nodes: Sequence[str] | None, hosts: Sequence[str] | None = None) -> pl.DataFrame:
    """Sites whose name and host match, where that is asked: site_id, node, se."""
    sites = snapshot.frame("sites").select("site_id", pl.col("name").alias("node"), pl.col("host").alias("se"))
    for column, patterns in (("node", nodes), ("se", hosts)):
        sites = sites if patterns is None else sites.filter(matches(column, patterns))
    return sites


def owners_of(snapshot: Snapshot) -> pl.DataFrame:
    """Groups as clients see them: group_id, group; null for nobody."""
    name = pl.when(pl.col("group_id") != NO_GROUP_ID).then("name").alias("group")
    return snapshot.frame("groups").select("group_id", name)


def blocks_of(snapshot: Snapshot, datasets: pl.DataFrame, patterns: Sequence[str] | None) -> pl.DataFrame:
    """Blocks of the datasets: columns of the table, ``name`` being the full one; those whose full name matches, if wanted."""
    blocks = snapshot.of_datasets("blocks", datasets["dataset_id"]).join(datasets, on="dataset_id")
    blocks = blocks.with_columns(name=pl.concat_str("dataset", pl.lit("#"), "name"))
    return blocks if patterns is None else blocks.filter(matches("name", patterns))


def owned(snapshot: Snapshot, replicas: pl.DataFrame, group: str | None) -> pl.DataFrame:
    """Those of the replicas that belong to the group of that name, ``None`` being nobody; all, if it is not given."""
    if group is None:
        return replicas
    chosen = snapshot.frame("groups").filter(pl.col("name") == group)["group_id"]
    return replicas.filter(pl.col("group_id").is_in(chosen.implode()))


def _replicas(
    snapshot: Snapshot, which: ReplicaFilter, datasets: pl.DataFrame, sites: pl.DataFrame
) -> pl.DataFrame:  # fmt: skip
    replicas = owned(snapshot, snapshot.of_datasets("block_replicas", datasets["dataset_id"]), which.group)
    for value, is_so in (
        (which.complete, pl.col("complete")), (which.custodial, pl.col("custodial")), (which.subscribed, _SUBSCRIBED),
    ):  # fmt: skip
        replicas = replicas if value is None else replicas.filter(is_so == value)
    if which.since is not None:
        replicas = replicas.filter(pl.col("last_update") >= which.since)
    blocks = blocks_of(snapshot, datasets, which.blocks)
    blocks = blocks.select("block_id", "name", "is_open", block_size="size", block_files="num_files")
    found = replicas.join(sites, on="site_id").join(blocks, on="block_id")
    return found.join(owners_of(snapshot), on="group_id", how="left").sort("dataset_id", "name", "node")


def _parts(replicas: pl.DataFrame, key: str) -> Iterator[pl.DataFrame]:
    """The rows in parts; those with the same ``key``, which stand together, in the same part."""
    keys = replicas[key].to_numpy()
    begins = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1])
    at = 0
    while at < replicas.height:
        place = np.searchsorted(begins, at + _ROWS)
        end = int(begins[place]) if place < len(begins) else replicas.height
        yield replicas.slice(at, end - at)
        at = end


def _blocks(replicas: pl.DataFrame) -> pl.DataFrame:
    """dataset_id, block: a JSON object of each block with its replicas."""
    seconds = pl.col("last_update")
    replica = encoded(
        pl.col("node"), pl.col("size").alias("bytes"), pl.col("num_files").alias("files"), pl.col("site_id").alias("node_id"),
        "se", yes_no(pl.col("complete")).alias("complete"), seconds.alias("time_create"), seconds.alias("time_update"),
        pl.col("group"), yes_no(pl.col("custodial")).alias("custodial"),
        yes_no(_SUBSCRIBED).alias("subscribed"),
    )  # fmt: skip
    block = encoded(
        pl.col("name"), pl.col("block_files").alias("files"), pl.col("block_size").alias("bytes"),
        yes_no(pl.col("is_open")).alias("is_open"), pl.col("block_id").alias("id"),
    )  # fmt: skip
    columns = [pl.col(name).first() for name in ("dataset_id", "name", "block_files", "block_size", "is_open")]
    by_block = replicas.with_columns(replica=replica).group_by("block_id", maintain_order=True).agg(*columns, "replica")
    return by_block.select("dataset_id", with_list(block, "replica", pl.col("replica")).alias("block"))
