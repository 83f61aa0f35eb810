"""The columns (variables.COLUMNS) that variables are computed from, as frames over parts of the image."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

import numpy as np
import polars as pl

from detox.image import Image
from detox.segments import Array, ranges, reduce_filled
from inventory.policy.facts import Facts
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot

_RELEASE = re.compile(r"([0-9]+)_([0-9]+)_([0-9]+)")
_COMMON = ("count_full_disk_common", "count_full_other_common")


def needed_columns(variables: Collection[str]) -> dict[str, set[str]]:
    """By level, the columns that the variables are computed from."""
    needed: dict[str, set[str]] = {"dataset": set(), "replica": set(), "block": set(), "site": set()}
    for name in variables:
        needed[VARIABLES[name].level].update(VARIABLES[name].compute.meta.root_names())
    return needed


class ImageColumns:
    """Frames of datasets, replicas and block replicas with the columns that a policy needs."""

    def __init__(self, image: Image, snapshot: Snapshot, facts: Facts, variables: Collection[str], now: int) -> None:
        self._image = image
        self._needed = {level: sorted(names) for level, names in needed_columns(variables).items()}
        wanted = {*self._needed["dataset"]} | ({"num_access"} & {*self._needed["replica"]})
        given = _given(image, snapshot, facts, now)
        self._given = {
            name: given[name]() if name in given else image.given[name]
            for name in sorted(wanted)
            if name not in image.dataset
        }
        self._enforced = _enforcer_protected(image, facts)
        names = snapshot.frame("groups")["name"]
        self.owner_names = pl.DataFrame({"owner": names})
        self._shared = any(name in _COMMON for name in self._needed["replica"])

    def of_datasets(self, datasets: Array) -> pl.DataFrame:
        """One row for each dataset."""
        return _frame(len(datasets), {
            name: self._image.dataset[name][datasets] if name in self._image.dataset else self._given[name].gather(datasets)
            for name in self._needed["dataset"]
        })  # fmt: skip

    def of_replicas(self, replicas: Array) -> pl.DataFrame:
        """One row for each replica, as it is in the image."""
        image = self._image
        sums = {name: values[replicas] for name, values in image.replica.items()}
        return self._of_replicas(replicas, sums, image.owners[replicas], image.full[replicas])

    def of_parts(self, replicas: Array, rows: Array, counts: Array) -> pl.DataFrame:
        """One row for each replica, as if it had only ``counts`` of the given ``rows``."""
        sums = self._image.summed(rows, counts)
        full = self._image.is_full(replicas, counts, sums["incomplete_blocks"])
        return self._of_replicas(replicas, sums, self._image.owner_masks(rows, counts), full)

    def of_rows(self, rows: Array) -> pl.DataFrame:
        """One row for each block replica."""
        image, held = self._image, self._image.rows
        ready: dict[str, Callable[[], Array | pl.Series]] = {
            "owner": lambda: self.owner_names["owner"].gather(held.owner[rows]),
            "last_update": lambda: held.last_update[rows],
            "locked": lambda: held.locked[rows],
            "complete": lambda: held.complete[rows],
            "newest": lambda: np.full(len(rows), image.newest),
            "at_ready_disk": lambda: image.sites.ready_disk[image.site_of(rows)],
        }
        return _frame(len(rows), {
            name: ready[name]() if name in ready else image.block[name][held.block[rows]] for name in self._needed["block"]
        })  # fmt: skip

    def of_sites(self) -> pl.DataFrame:
        """One row for each target site, without what depends on quota and use."""
        every = np.arange(len(self._image.sites))
        return self._image.sites.frame(every, np.zeros(len(every), np.int64))

    def _of_replicas(self, replicas: Array, sums: dict[str, Array], owners: Array, full: Array) -> pl.DataFrame:
        columns = dict(sums)
        if "num_access" in self._needed["replica"]:
            columns["num_access"] = self._given["num_access"].to_numpy()[self._image.replica_dataset[replicas]]
        columns["enforcer_protected"] = self._enforced[replicas]
        if self._shared:
            columns |= dict(zip(_COMMON, common_owner_counts(self._image, replicas, owners, full), strict=True))
        return _frame(len(replicas), {name: columns[name] for name in self._needed["replica"]})


def common_owner_counts(image: Image, replicas: Array, owners: Array, full: Array) -> tuple[Array, Array]:
    """Full replicas with an owner in common with each of ``replicas``: at READY DISK sites, itself included; at READY others."""
    dataset = image.replica_dataset[replicas]
    first, number = image.first_replica[dataset], np.diff(image.first_replica)[dataset]
    mine, other = np.repeat(np.arange(len(replicas)), number), ranges(first, number)
    keep = image.full[other] & (replicas[mine] != other)
    mine, other = mine[keep], other[keep]
    shared = ((owners[mine] & image.owners[other]) != 0).any(axis=1)
    site = image.replica_site[other]
    disk = np.bincount(mine[shared & image.sites.ready_disk[site]], minlength=len(replicas))
    others = np.bincount(mine[shared & image.sites.ready[site]], minlength=len(replicas))
    return disk + (full & image.sites.ready_disk[image.replica_site[replicas]]), others


def _frame(height: int, columns: dict[str, Array | pl.Series]) -> pl.DataFrame:
    return pl.DataFrame(columns) if columns else pl.DataFrame({"": np.zeros(height, np.bool_)})


def _given(image: Image, snapshot: Snapshot, facts: Facts, now: int) -> dict[str, Callable[[], pl.Series]]:
    """Columns of datasets that stand still and are not in the table of datasets, each made when it is needed."""
    ids = image.given["dataset_id"]

    def among(frame: pl.DataFrame) -> Callable[[], pl.Series]:
        return lambda: ids.is_in(frame["dataset_id"].implode())

    def size() -> pl.Series:
        sizes = snapshot.frame("blocks")["size"].to_numpy()
        return pl.Series(reduce_filled(np.add, sizes[ranges(image.first_block, image.num_blocks)], image.num_blocks, 0))

    def newest_arrival() -> pl.Series:
        counts = np.diff(image.first_replica)
        return pl.Series(reduce_filled(np.maximum, image.replica["last_update"], counts, 0))

    return {
        "size": size,
        "tape_requested": among(facts.tape_requested),
        "unhandled_copy": among(facts.unhandled_copies),
        "unknown": among(facts.unknown),
        "latest_release": lambda: _latest_releases(snapshot.frame("datasets"), image.given),
        "newest_arrival": newest_arrival,
        "now": lambda: pl.Series(np.full(len(ids), now)),
    }


def _latest_releases(datasets: pl.DataFrame, given: pl.DataFrame) -> pl.Series:
    """Whether the software version is X_Y_Z and there is no newer one of its X_Y in the inventory."""
    newest: dict[tuple[int, int], tuple[int, str]] = {}
    for version in datasets["software_version"].unique().drop_nulls():
        if found := _RELEASE.fullmatch(version):
            series = (int(found[1]), int(found[2]))
            newest[series] = max(newest.get(series, (-1, "")), (int(found[3]), version))
    latest = [version for _, version in newest.values()]
    return given["software_version"].is_in(latest).fill_null(False)


def _enforcer_protected(image: Image, facts: Facts) -> Array:
    if facts.enforcer_protected.is_empty():
        return np.zeros(len(image.replica_dataset), np.bool_)
    dataset = image.given["dataset_id"].to_numpy()[image.replica_dataset].astype(np.int64)
    key = dataset << 16 | image.sites.ids[image.replica_site].astype(np.int64)
    held = facts.enforcer_protected
    return np.isin(key, held["dataset_id"].to_numpy().astype(np.int64) << 16 | held["site_id"].to_numpy())
