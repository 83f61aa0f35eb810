"""The image of a cycle: block replicas of the partition at the target sites as arrays that shrink while it deletes.

Rows (block replicas) lie sorted by dataset, site and block, so that a replica is a range of rows, and a dataset a range of
replicas and of blocks. Counts of copies are kept true by :meth:`Image.refresh` for the datasets that changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from detox.segments import Array, ranges, reduce_filled


@dataclass
class Sites:
    """Target sites by index: ``number`` is the row in the snapshot's table; ``quota`` in bytes."""

    number: Array
    ids: Array
    names: list[str]
    status: list[str]
    storage_type: list[str]
    quota: Array
    protected: Array

    def __post_init__(self) -> None:
        self.ready = np.array([status == "READY" for status in self.status], np.bool_)
        self.mss = np.array([kind == "MSS" for kind in self.storage_type], np.bool_)
        self.ready_disk = self.ready & np.array([kind == "DISK" for kind in self.storage_type], np.bool_)

    def __len__(self) -> int:
        return len(self.names)

    def frame(self, index: Array, occupied: Array) -> pl.DataFrame:
        """The columns that variables of sites are computed from."""
        given = {
            name: pl.Series(getattr(self, attribute), dtype=pl.String).gather(index)
            for name, attribute in (("name", "names"), ("status", "status"), ("storage_type", "storage_type"))
        }
        return pl.DataFrame({**given, "occupied": occupied, "quota": self.quota[index]})


@dataclass
class Rows:
    """Block replicas: indices of replica, block (row of the snapshot's table), owner (row of groups); and what they are."""

    replica: Array
    block: Array
    owner: Array
    size: Array
    complete: Array
    last_update: Array
    locked: Array


@dataclass
class Image:
    """All of it. ``given`` holds the columns of datasets that stand still; ``first_…`` arrays are one longer than their subject."""

    sites: Sites
    rows: Rows
    dataset_number: Array
    given: pl.DataFrame
    first_replica: Array
    first_block: Array
    num_blocks: Array
    replica_dataset: Array
    replica_site: Array
    first_row: Array
    num_all_blocks: int
    newest: int = 0
    present: Array = field(init=False)
    dataset: dict[str, Array] = field(init=False)
    replica: dict[str, Array] = field(init=False)
    block: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        self.present = np.ones(len(self.rows.replica), np.bool_)
        datasets, replicas = len(self.dataset_number), len(self.replica_dataset)
        names = ("mss", "full_mss", "full_ready", "full_ready_disk", "incomplete", "protected_site")
        self.dataset = {f"count_{name}": np.zeros(datasets, np.int64) for name in names}
        self.replica = {
            name: np.zeros(replicas, np.int64)
            for name in ("num_blocks", "size", "incomplete_blocks", "first_update", "last_update")
        }
        self.full = np.zeros(replicas, np.bool_)
        owners, self.owner_bit = np.unique(self.rows.owner, return_inverse=True)
        self._bits = dict(zip(owners.tolist(), range(len(owners)), strict=True))
        self.owner_words = len(owners) // 64 + 1
        self.owners = np.zeros((replicas, self.owner_words), np.uint64)
        self.block = {
            f"count_{name}": np.zeros(self.num_all_blocks, np.int32)
            for name in ("complete", "incomplete", "complete_mss", "complete_ready_disk")
        }

    def replicas_of(self, datasets: Array) -> Array:
        """Indices of all replicas of the datasets, gone ones too."""
        return ranges(self.first_replica[datasets], np.diff(self.first_replica)[datasets])

    def rows_of(self, replicas: Array) -> tuple[Array, Array]:
        """Rows of the replicas that are still in the image, replica by replica, and how many each has."""
        starts = self.first_row[replicas]
        counts = self.first_row[replicas + 1] - starts
        rows = ranges(starts, counts)
        present = self.present[rows]
        return rows[present], reduce_filled(np.add, present, counts, 0)

    def site_of(self, rows: Array) -> Array:
        """Index of the site of each row."""
        sites: Array = self.replica_site[self.rows.replica[rows]]
        return sites

    def set_owners(self, rows: Array, owners: Array) -> None:
        """Give rows to other owners, each of which owns something in the image."""
        self.rows.owner[rows] = owners
        self.owner_bit[rows] = [self._bits[owner] for owner in owners.tolist()]

    def refresh(self, datasets: Array) -> None:
        """Make the counts of the datasets and of their replicas and blocks true again."""
        replicas = self.replicas_of(datasets)
        rows, counts = self.rows_of(replicas)
        for name, values in self.summed(rows, counts).items():
            self.replica[name][replicas] = values
        self.owners[replicas] = self.owner_masks(rows, counts)
        self.full[replicas] = self.is_full(replicas, counts, self.replica["incomplete_blocks"][replicas])
        self._count_replicas(datasets, replicas)
        self._count_blocks(datasets, rows)

    def summed(self, rows: Array, counts: Array) -> dict[str, Array]:
        """What a replica that consists of the given rows looks like; ``counts``: rows of each replica."""
        updates = self.rows.last_update[rows]
        return {
            "num_blocks": counts,
            "size": reduce_filled(np.add, self.rows.size[rows], counts, 0),
            "incomplete_blocks": reduce_filled(np.add, ~self.rows.complete[rows], counts, 0),
            "first_update": reduce_filled(np.minimum, updates, counts, 0),
            "last_update": reduce_filled(np.maximum, updates, counts, 0),
        }

    def is_full(self, replicas: Array, counts: Array, incomplete: Array) -> Array:
        """Whether ``counts`` blocks, ``incomplete`` of them not complete, are all of the dataset, and complete."""
        whole: Array = (counts > 0) & (incomplete == 0) & (counts == self.num_blocks[self.replica_dataset[replicas]])
        return whole

    def owner_masks(self, rows: Array, counts: Array) -> Array:
        """One bit for each owner that has a block among the rows of a replica; shape (replicas, words)."""
        index = self.owner_bit[rows]
        bits = np.uint64(1) << (index % 64).astype(np.uint64)
        masks = np.zeros((len(counts), self.owner_words), np.uint64)
        for word in range(self.owner_words):
            masks[:, word] = reduce_filled(np.bitwise_or, np.where(index // 64 == word, bits, np.uint64(0)), counts, 0)
        return masks

    def _count_replicas(self, datasets: Array, replicas: Array) -> None:
        site, full = self.replica_site[replicas], self.full[replicas]
        there = self.replica["num_blocks"][replicas] > 0
        counts = np.diff(self.first_replica)[datasets]
        sites = self.sites
        seen = {
            "count_mss": there & sites.mss[site],
            "count_full_mss": full & sites.mss[site],
            "count_full_ready": full & sites.ready[site],
            "count_full_ready_disk": full & sites.ready_disk[site],
            "count_incomplete": self.replica["incomplete_blocks"][replicas] > 0,
            "count_protected_site": there & sites.protected[site],
        }
        for name, values in seen.items():
            self.dataset[name][datasets] = reduce_filled(np.add, values, counts, 0)

    def _count_blocks(self, datasets: Array, rows: Array) -> None:
        blocks = ranges(self.first_block[datasets], self.num_blocks[datasets])
        of_row, complete, site = self.rows.block[rows], self.rows.complete[rows], self.site_of(rows)
        seen = {
            "count_complete": complete,
            "count_incomplete": ~complete,
            "count_complete_mss": complete & self.sites.mss[site],
            "count_complete_ready_disk": complete & self.sites.ready_disk[site],
        }
        for name, values in seen.items():
            self.block[name][blocks] = 0
            np.add.at(self.block[name], of_row[values], 1)
