"""Datasets and their blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from inventory.packed.numbers import Array
from inventory.snapshot import Snapshot
from registry.api.asked import Asked, Condition
from registry.api.columns import Derive, Field, by_name, named, of_table
from registry.api.documented import documented
from registry.api.frames import Listed
from registry.api.frames import of_table as rows_of
from registry.api.reading import InventoryList, InventoryObject
from registry.errors import NotThere

NAME = "/Bread/Wheat-v1/AODSIM"
BLOCK = "0a1b2c3d-0000-4000-8000-00000000002a"
_NOON = 1_764_000_000


def _summed(column: str) -> Derive:
    """Sum of a column of the datasets' blocks; of "" their number."""

    def derive(snapshot: Snapshot, rows: pl.DataFrame) -> pl.Series:
        blocks = snapshot.of_datasets("blocks", rows["dataset_id"], "dataset_id", *([column] if column else []))
        known = blocks["dataset_id"].to_numpy()
        values = blocks[column].to_numpy().astype(np.int64) if column else np.ones(len(known), np.int64)
        return pl.Series(sums(known, values, rows["dataset_id"].to_numpy()))

    return derive


def sums(keys: Array, values: Array, wanted: Array) -> Array:
    """For each of ``wanted`` the sum of the ``values`` with this key; ``keys``: ascending."""
    until = np.concatenate([[0], np.cumsum(values)])
    found: Array = until[np.searchsorted(keys, wanted, "right")] - until[np.searchsorted(keys, wanted, "left")]
    return found


DATASETS = by_name(
    named("name", "dataset_id", "datasets", "unique name", NAME),
    *of_table(
        "datasets", "status", "data_type", "software_version", "is_open", "last_update",
        status="VALID", data_type="mc", software_version="CMSSW_15_0_0", is_open=False, last_update=_NOON,
    ),
    Field("size", "integer", "sum of its blocks", 7_300_000_000, "bytes", needs=("dataset_id",), derive=_summed("size")),
    Field("num_files", "integer", "files in its blocks", 3, needs=("dataset_id",), derive=_summed("num_files")),
    Field("num_blocks", "integer", "blocks", 1, needs=("dataset_id",), derive=_summed("")),
    *of_table(
        "datasets", "usage_rank", "num_access", "demand_rank", usage_rank=None, num_access=12, demand_rank=0.5
    ),
    Field(
        "last_access", "time", "last access by jobs, as far as it is known", _NOON, nullable=True, needs=("last_access",),
        derive=lambda _, rows: rows["last_access"].set(rows["last_access"] == 0, None),
    ),
)  # fmt: skip
BLOCKS = by_name(
    named("dataset", "dataset_id", "datasets", "dataset that it belongs to", NAME),
    *of_table(
        "blocks", "name", "size", "num_files", "is_open", "last_update",
        name=BLOCK, size=7_300_000_000, num_files=3, is_open=False, last_update=_NOON,
    ),
)  # fmt: skip


def only(asked: Asked, field: Field, name: str) -> Asked:
    """The same of what is called ``name`` alone."""
    return replace(asked, conditions=(*asked.conditions, Condition(field, "is", (name,))))


def of_dataset(snapshot: Snapshot, name: str) -> Array:
    """Id of the dataset, alone. Raises NotThere."""
    ids = snapshot.datasets_called(pl.Series([name], dtype=pl.String)).to_numpy()
    if not len(ids):
        raise NotThere(f"there is no dataset {name[:200]!r} in version {snapshot.version}")
    return ids


@documented("datasets", "Datasets", "All datasets that fulfil the conditions.")
class Datasets(InventoryList):
    """``datasets``."""

    fields = DATASETS

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """All datasets."""
        return rows_of(snapshot, "datasets", self.fields, asked)


@documented("datasets", "One dataset", "The dataset of this name; slashes in it are written %2F.")
class OneDataset(InventoryObject):
    """``datasets/{name}``."""

    fields = DATASETS

    def found(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The dataset."""
        return rows_of(snapshot, "datasets", self.fields, asked, of_dataset(snapshot, variables["name"]))


@documented("blocks", "Blocks", "All blocks that fulfil the conditions, or those of one dataset.")
class Blocks(InventoryList):
    """``blocks`` and ``datasets/{name}/blocks``."""

    fields = BLOCKS

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The dataset's blocks, or all."""
        return rows_of(snapshot, "blocks", self.fields, asked, of_variable(snapshot, variables))


@documented("blocks", "One block", "The block of this full name, dataset#block; # is written %23, slashes %2F.")
class OneBlock(InventoryObject):
    """``blocks/{name}``."""

    fields = BLOCKS

    def found(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The block."""
        dataset, _, block = variables["name"].rpartition("#")
        return rows_of(
            snapshot, "blocks", self.fields, only(asked, self.fields["name"], block), of_dataset(snapshot, dataset)
        )


def of_variable(snapshot: Snapshot, variables: dict[str, str]) -> Array | None:
    """Id of the dataset that the address names, if it does. Raises NotThere."""
    return of_dataset(snapshot, variables["name"]) if "name" in variables else None
