"""The columns (variables.COLUMNS) that variables are computed from, over parts of the image."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from detox.image import Image
from detox.segments import Array, any_in, ranges, reduce_filled
from inventory.policy.facts import Facts
from inventory.policy.variables import COLUMNS, VARIABLES
from inventory.snapshot import Snapshot

_RELEASE = re.compile(r"([0-9]+)_([0-9]+)_([0-9]+)")
Columns = dict[str, Array | pl.Series]
_COMMON = ("count_full_disk_common", "count_full_other_common")
_FULL_AT = {"count_full_mss": "mss", "count_full_ready": "ready", "count_full_ready_disk": "ready_disk"}
OF_PARTS = frozenset({*_FULL_AT, "count_incomplete"})
"""Counts over a dataset's replicas that are others while only a part of one of these is left."""


def columns_of(variables: Iterable[str]) -> set[str]:
    """The columns that variables of one level are computed from."""
    return {column for name in variables for column in VARIABLES[name].compute.meta.root_names()}


@dataclass(frozen=True)
class Part:
    """What is left of some replicas: ``rows``, replica by replica, and how many each has."""

    rows: Array
    counts: Array


class ImageColumns:
    """Columns of datasets, replicas, block replicas and sites, for the variables that a policy asks for."""

    def __init__(self, image: Image, snapshot: Snapshot, facts: Facts, variables: Collection[str], now: int) -> None:
        self._image = image
        wanted = columns_of(variables) | {"num_access"}
        given = _given(image, snapshot, facts, now)
        self._given: dict[str, pl.Series] = {
            name: given[name]() if name in given else image.given[name]
            for name in COLUMNS["dataset"]
            if name in wanted and name not in image.dataset
        }
        self._enforced = _enforcer_protected(image, facts)
        self._owner_names = snapshot.frame("groups")["name"]

    def of(self, level: str, names: Iterable[str], index: Array, part: Part | None = None) -> Columns:
        """The named columns of datasets, replicas (as they are, or as if only ``part`` were left), block replicas or sites."""
        if level == "dataset":
            return {name: self._of_dataset(name, index) for name in names}
        if level == "block":
            return {name: self._of_row(name, index) for name in names}
        if level == "site":
            frame = self._image.sites.frame(index, np.zeros(len(index), np.int64))
            return {name: frame[name] for name in names}
        return self._of_replica(list(names), index, part)

    def of_datasets(self, names: Iterable[str], replicas: Array, part: Part) -> Columns:
        """The named columns of the datasets of ``replicas``, for each of these as if only ``part`` were left of it, and the others whole."""
        return {name: self._of_dataset_with(name, replicas, part) for name in names}

    def of_groups(self) -> Columns:
        """One owner a group: what is asked of owners only is found once for each."""
        return {"owner": self._owner_names}

    def _of_dataset(self, name: str, datasets: Array) -> Array | pl.Series:
        counted = self._image.dataset.get(name)
        return self._given[name].gather(datasets) if counted is None else counted[datasets]

    def _of_dataset_with(self, name: str, replicas: Array, part: Part) -> Array | pl.Series:
        image = self._image
        found = self._of_dataset(name, image.replica_dataset[replicas])
        less: Array | bool = False
        if name in _FULL_AT:
            here = getattr(image.sites, _FULL_AT[name])[image.replica_site[replicas]]
            less = image.full[replicas] & here & (part.counts < image.replica["num_blocks"][replicas])
        elif name == "count_incomplete":
            whole = image.replica["incomplete_blocks"][replicas] > 0
            less = whole & ~any_in(~image.rows.complete[part.rows], part.counts)
        return found if less is False else found - less

    def _of_row(self, name: str, rows: Array) -> Array | pl.Series:
        image, held = self._image, self._image.rows
        if name == "owner":
            return self._owner_names.gather(held.owner[rows])
        if name == "newest":
            return np.full(len(rows), image.newest)
        if name == "at_ready_disk":
            return image.sites.ready_disk[image.site_of(rows)]
        counted = image.block.get(name)
        return getattr(held, name)[rows] if counted is None else counted[held.block[rows]]

    def _of_replica(self, names: list[str], replicas: Array, part: Part | None) -> Columns:
        image = self._image
        if part is None:
            sums = {name: image.replica[name][replicas] for name in names if name in image.replica}
        else:
            sums = image.summed(part.rows, part.counts)
        found: Columns = {name: sums[name] for name in names if name in sums}
        if "num_access" in names:
            found["num_access"] = self._given["num_access"].to_numpy()[image.replica_dataset[replicas]]
        if "enforcer_protected" in names:
            found["enforcer_protected"] = self._enforced[replicas]
        if not set(_COMMON).isdisjoint(names):
            if part is None:
                owners, full = image.owners[replicas], image.full[replicas]
            else:
                owners = image.owner_masks(part.rows, part.counts)
                full = image.is_full(replicas, part.counts, sums["incomplete_blocks"])
            found |= dict(zip(_COMMON, common_owner_counts(image, replicas, owners, full), strict=True))
        return found


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
