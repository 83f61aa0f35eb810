"""What going means for block replicas: deleted, or, when only a part of a replica goes, handed to its dataset-level owner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from detox.image import Image
from detox.membership import Membership
from detox.segments import Array, reduce_filled
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot

_NOBODY = -1
_ABOVE_ALL = 2**31


@dataclass
class Removal:
    """What happens to the going blocks of ``replicas``, which are of different datasets.

    ``deleted``, ``reowned`` (with ``heirs``, rows of groups) and ``leaving`` (deleted, or reowned out of the partition) are
    rows; ``…_of`` says which of the replicas they are of. ``bytes_deleted`` and ``bytes_leaving`` are by replica.
    """

    replicas: Array
    deleted: Array
    deleted_of: Array
    reowned: Array
    reowned_of: Array
    heirs: Array
    leaving: Array
    leaving_of: Array
    bytes_deleted: Array
    bytes_leaving: Array

    def first(self, number: int) -> Removal:
        """The same for the first ``number`` replicas only."""
        deleted, reowned, leaving = (of < number for of in (self.deleted_of, self.reowned_of, self.leaving_of))
        return Removal(
            self.replicas[:number], self.deleted[deleted], self.deleted_of[deleted], self.reowned[reowned],
            self.reowned_of[reowned], self.heirs[reowned], self.leaving[leaving], self.leaving_of[leaving],
            self.bytes_deleted[:number], self.bytes_leaving[:number],
        )  # fmt: skip


class Owners:
    """Ownership levels of the groups, and what a change of owner does."""

    def __init__(self, image: Image, snapshot: Snapshot, membership: Membership) -> None:
        groups = snapshot.frame("groups")
        self._image, self._membership = image, membership
        self._owns_datasets = (
            (groups["level"].cast(pl.String) == "Dataset") & (groups["group_id"] != NO_GROUP_ID)
        ).to_numpy()
        names = groups["name"]
        self._rank = np.empty(groups.height, np.int64)
        self._rank[names.arg_sort().to_numpy()] = np.arange(groups.height)

    def removal(self, replicas: Array, rows: Array, counts: Array, going: Array, lines: Array) -> Removal:
        """``rows``: all that the replicas have in the image, ``counts`` each; ``going``: which of them shall go.

        ``lines``: number of the line that decided each. Where several lines take blocks of one replica, they do so one after
        the other by number, the default first: each takes a part, or the whole, of what is there then.
        """
        of = np.repeat(np.arange(len(replicas)), counts)
        part = reduce_filled(np.add, going, counts, 0) < counts
        several = _spread(lines, going, counts) > 0
        owners = np.full(len(rows), _NOBODY, np.int64)
        single = going & ~several[of]
        held_by = self._image.rows.owner[rows]
        owners[single] = self._taken_over(rows, held_by, of, single, part & ~several)
        ends = np.cumsum(counts)
        for place in np.flatnonzero(several).tolist():
            span = slice(int(ends[place] - counts[place]), int(ends[place]))
            owners[span] = self._line_by_line(rows[span], going[span], lines[span])
        handed = owners != _NOBODY
        reowned, deleted = rows[handed], rows[going & ~handed]
        out = ~self._held(reowned, owners[handed])
        leaving, leaving_of = np.append(deleted, reowned[out]), np.append(of[going & ~handed], of[handed][out])
        size = self._image.rows.size
        return Removal(
            replicas, deleted, of[going & ~handed], reowned, of[handed], owners[handed], leaving, leaving_of,
            _sums(size[deleted], of[going & ~handed], len(replicas)), _sums(size[leaving], leaving_of, len(replicas)),
        )  # fmt: skip

    def _taken_over(self, rows: Array, held_by: Array, of: Array, going: Array, part: Array) -> Array:
        """New owners of the going rows; _NOBODY for those that are deleted. ``part``: replicas that keep something.

        ``held_by``: present owner of each of ``rows``; ``of``: which of the replicas each is of.
        """
        owners = np.full(int(going.sum()), _NOBODY, np.int64)
        handed = part[of[going]] & ~self._owns_datasets[held_by[going]]
        if handed.any():
            inside = part[of]
            heirs = self._heirs(rows[inside], held_by[inside], of[inside], len(part))
            owners[handed] = heirs[of[going][handed]]
        return owners

    def _line_by_line(self, rows: Array, going: Array, lines: Array) -> Array:
        """New owners of all rows of one replica, of which several lines take some."""
        owners = np.full(len(rows), _NOBODY, np.int64)
        present = np.ones(len(rows), np.bool_)
        held_by = self._image.rows.owner[rows]
        for line in np.unique(lines[going]):
            taken = going & (lines == line)
            part = np.array([taken.sum() < present.sum()])
            here = np.flatnonzero(present)
            heirs = self._taken_over(rows[here], held_by[here], np.zeros(len(here), np.int64), taken[here], part)
            owners[taken] = heirs
            changed = np.flatnonzero(taken)[heirs != _NOBODY]
            held_by[changed] = owners[changed]
            present[taken] = False
            present[changed[self._held(rows[changed], owners[changed])]] = True
        return owners

    def _heirs(self, rows: Array, held_by: Array, of: Array, number: int) -> Array:
        """By replica its dataset-level owner: of several the one of most bytes, then by name; _NOBODY without one."""
        heirs = np.full(number, _NOBODY, np.int64)
        keep = self._owns_datasets[held_by]
        key = of[keep] * len(self._rank) + held_by[keep]
        pairs, place = np.unique(key, return_inverse=True)
        of_pair, owner = np.divmod(pairs, len(self._rank))
        sizes = np.bincount(place, self._image.rows.size[rows[keep]], minlength=len(pairs))
        order = np.lexsort((self._rank[owner], -sizes, of_pair))
        best, first = np.unique(of_pair[order], return_index=True)
        heirs[best] = owner[order[first]]
        return heirs

    def _held(self, rows: Array, owners: Array) -> Array:
        if not len(rows):
            return np.empty(0, np.bool_)
        image = self._image
        replica = image.rows.replica[rows]
        site = image.sites.number[image.replica_site[replica]]
        dataset = image.dataset_number[image.replica_dataset[replica]]
        return self._membership.holds(dataset, site, owners, image.rows.last_update[rows])


def _spread(lines: Array, going: Array, counts: Array) -> Array:
    """By replica, the greatest line number among the going rows less the least; 0 when there is but one, or none."""
    least = reduce_filled(np.minimum, np.where(going, lines, _ABOVE_ALL), counts, 0)
    greatest = reduce_filled(np.maximum, np.where(going, lines, -1), counts, 0)
    spread: Array = np.maximum(greatest - least, 0)
    return spread


def _sums(sizes: Array, of: Array, number: int) -> Array:
    """Exact sums by replica; a single replica's bytes are far below what a float counts exactly."""
    return np.bincount(of, sizes, minlength=number).astype(np.int64)
