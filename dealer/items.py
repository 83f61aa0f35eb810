"""What is known of the datasets that proposals speak of: blocks, sources, and which block is where under which owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dealer.sources import block_sources
from inventory.snapshot import Snapshot

ABSENT = -1
"""Owner of a block at a site that does not have it."""

VALID_STATUSES = ("PRODUCTION", "VALID")


@dataclass
class Dataset:
    """One dataset; arrays over its blocks (in order of id) and the cycle's sites (in order of id).

    ``whole``, ``part``: what ready sites have (see ``sources.py``); ``owner``: group id or ``ABSENT``,
    ``owner_before`` this cycle; ``member``: the replica is in the partition; ``complete``: all of the block is there; ``new``: copied by this cycle; ``rank``:
    priority of the plugin that owns it in this cycle (infinite: untouched), ``by``: number of that plugin's proposal.
    By site: ``grows``: the dataset replica is to get future blocks by this cycle; ``group``: owner that it gets, or ``ABSENT``;
    ``group_rank``: priority of the plugin that says so.
    """

    dataset_id: int
    valid: bool
    names: list[str]
    ids: np.ndarray
    sizes: np.ndarray
    whole: np.ndarray
    part: np.ndarray
    owner: np.ndarray
    owner_before: np.ndarray
    member: np.ndarray
    complete: np.ndarray
    new: np.ndarray
    rank: np.ndarray
    by: np.ndarray
    grows: np.ndarray
    group: np.ndarray
    group_rank: np.ndarray

    def select(self, blocks: Sequence[str] | None) -> np.ndarray | None:
        """Positions of ``blocks`` (None: all); None when one of them is unknown."""
        if blocks is None:
            return np.arange(len(self.names))
        place = {name: position for position, name in enumerate(self.names)}
        found = [place.get(name, ABSENT) for name in blocks]
        return None if ABSENT in found else np.unique(np.array(found, dtype=np.int64))


def datasets_of(
    snapshot: Snapshot, members: pl.LazyFrame, names: Sequence[str], site_ids: Sequence[int]
) -> dict[str, Dataset]:
    """The datasets called ``names`` that exist; ``members``: frame(dataset_id, block_id, site_id) of the partition."""
    asked = snapshot.table("datasets").filter(pl.col("name").is_in(sorted(set(names))))
    wanted = asked.select("dataset_id", "name", pl.col("status").cast(pl.String)).collect()
    ids = wanted.lazy().select("dataset_id")
    blocks = _by_dataset(_blocks(snapshot, ids))
    replicas = _by_dataset(_replicas(snapshot, members, ids))
    place = {site: position for position, site in enumerate(site_ids)}
    found = {}
    for dataset_id, name, status in wanted.iter_rows():
        dataset = _empty(dataset_id, status in VALID_STATUSES, blocks.get(dataset_id), len(site_ids))
        if (rows := replicas.get(dataset_id)) is not None:
            _fill(dataset, rows, place)
        found[name] = dataset
    return found


def _blocks(snapshot: Snapshot, ids: pl.LazyFrame) -> pl.DataFrame:
    blocks = snapshot.table("blocks").join(ids, on="dataset_id", how="semi")
    return blocks.join(block_sources(snapshot, ids), on="block_id").sort("dataset_id", "block_id").collect()


def _replicas(snapshot: Snapshot, members: pl.LazyFrame, ids: pl.LazyFrame) -> pl.DataFrame:
    key = ["dataset_id", "block_id", "site_id"]
    replicas = snapshot.table("block_replicas").join(ids, on="dataset_id", how="semi")
    inside = (
        members.select(key).join(ids, on="dataset_id", how="semi").unique().with_columns(pl.lit(True).alias("member"))
    )
    joined = replicas.join(inside, on=key, how="left").with_columns(pl.col("member").fill_null(False))
    return joined.sort(key).collect()


def _by_dataset(frame: pl.DataFrame) -> dict[int, pl.DataFrame]:
    return {key[0]: rows for key, rows in frame.partition_by("dataset_id", as_dict=True).items()}


def _empty(dataset_id: int, valid: bool, blocks: pl.DataFrame | None, num_sites: int) -> Dataset:
    shape = (0 if blocks is None else blocks.height, num_sites)
    return Dataset(
        dataset_id=dataset_id, valid=valid,
        names=[] if blocks is None else blocks["name"].to_list(),
        ids=np.empty(0, np.int64) if blocks is None else blocks["block_id"].to_numpy().astype(np.int64),
        sizes=np.empty(0, np.int64) if blocks is None else blocks["size"].to_numpy(),
        whole=np.empty(0, bool) if blocks is None else blocks["whole"].to_numpy(),
        part=np.empty(0, bool) if blocks is None else blocks["part"].to_numpy(),
        owner=np.full(shape, ABSENT, np.int32), owner_before=np.full(shape, ABSENT, np.int32), member=np.zeros(shape, bool),
        complete=np.zeros(shape, bool), new=np.zeros(shape, bool),
        rank=np.full(shape, np.inf), by=np.full(shape, -1, np.int64), grows=np.zeros(num_sites, bool),
        group=np.full(num_sites, ABSENT, np.int32), group_rank=np.full(num_sites, np.inf),
    )  # fmt: skip


def _fill(dataset: Dataset, replicas: pl.DataFrame, place: dict[int, int]) -> None:
    rows = np.searchsorted(dataset.ids, replicas["block_id"].to_numpy())
    columns = replicas["site_id"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    dataset.owner[rows, columns] = dataset.owner_before[rows, columns] = replicas["group_id"].to_numpy()
    dataset.member[rows, columns] = replicas["member"].to_numpy()
    dataset.complete[rows, columns] = replicas["complete"].to_numpy()
