"""Replicas of blocks and of datasets at sites."""

from __future__ import annotations

import numpy as np
import polars as pl

from inventory.packed.numbers import Array
from inventory.snapshot import Snapshot
from registry.api.asked import Asked
from registry.api.columns import Derive, Field, by_name, named, of_table
from registry.api.documented import documented
from registry.api.frames import Listed, gathered
from registry.api.frames import of_table as rows_of
from registry.api.inventory.datasets import BLOCK, NAME, of_variable, sums
from registry.api.reading import InventoryList

_SITE_BITS = 16
_SITE = named("site", "site_id", "sites", "where it is", "T2_US_MIT")
_GROUP = named("group", "group_id", "groups", "owner; None: nobody", "AnalysisOps")
_DATASET = named("dataset", "dataset_id", "datasets", "dataset", NAME)


def block_names(snapshot: Snapshot, rows: pl.DataFrame) -> pl.Series:
    """Names of the blocks of rows with dataset_id and block_id."""
    blocks = snapshot.of_datasets("blocks", rows["dataset_id"], "block_id", "name")
    order = np.argsort(blocks["block_id"].to_numpy(), kind="stable")
    return gathered(blocks["block_id"][order], blocks["name"][order], rows["block_id"])


BLOCK_NAME = Field(
    "block", "text", "block, unique within the dataset", BLOCK, needs=("dataset_id", "block_id"), derive=block_names
)
REPLICAS = by_name(
    _DATASET, BLOCK_NAME, _SITE, _GROUP,
    *of_table(
        "block_replicas", "complete", "custodial", "size", "num_files", "last_update",
        complete=True, custodial=False, size=7_300_000_000, num_files=3, last_update=1_764_000_000,
    ),
)  # fmt: skip


def _of_blocks(column: str) -> Derive:
    """Sum of a column of the block replicas that belong to each dataset replica; of "" their number."""

    def derive(snapshot: Snapshot, rows: pl.DataFrame) -> pl.Series:
        replicas = snapshot.of_datasets(
            "block_replicas", rows["dataset_id"], "dataset_id", "site_id", *([column] if column else [])
        )
        keys = _both(replicas)
        order = np.argsort(keys, kind="stable")
        values = replicas[column].to_numpy().astype(np.int64)[order] if column else np.ones(len(keys), np.int64)
        return pl.Series(sums(keys[order], values, _both(rows)))

    return derive


def _both(rows: pl.DataFrame) -> Array:
    found: Array = (rows["dataset_id"].to_numpy().astype(np.int64) << _SITE_BITS) | rows["site_id"].to_numpy()
    return found


def _whole(snapshot: Snapshot, rows: pl.DataFrame) -> pl.Series:
    blocks = snapshot.of_datasets("blocks", rows["dataset_id"], "dataset_id")["dataset_id"].to_numpy()
    number = sums(blocks, np.ones(len(blocks), np.int64), rows["dataset_id"].to_numpy())
    return pl.Series(_of_blocks("complete")(snapshot, rows).to_numpy() == number)


_KEYS = ("dataset_id", "site_id")
DATASET_REPLICAS = by_name(
    _DATASET, _SITE, _GROUP,
    *of_table("dataset_replicas", "growing", growing=True),
    Field("complete", "boolean", "every block of the dataset is there, complete", True, needs=_KEYS, derive=_whole),
    Field("num_blocks", "integer", "blocks of which there is a replica", 1, needs=_KEYS, derive=_of_blocks("")),
    Field("size", "integer", "bytes present", 7_300_000_000, "bytes", needs=_KEYS, derive=_of_blocks("size")),
    Field("num_files", "integer", "files present", 3, needs=_KEYS, derive=_of_blocks("num_files")),
)  # fmt: skip


@documented("replicas", "Block replicas", "Blocks at sites: all that fulfil the conditions, or those of one dataset.")
class Replicas(InventoryList):
    """``replicas`` and ``datasets/{name}/replicas``."""

    fields = REPLICAS

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The dataset's block replicas, or all."""
        return rows_of(snapshot, "block_replicas", self.fields, asked, of_variable(snapshot, variables))


@documented("dataset-replicas", "Dataset replicas", "Datasets at sites, with what is there of them.")
class DatasetReplicas(InventoryList):
    """``dataset-replicas``."""

    fields = DATASET_REPLICAS

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """All dataset replicas."""
        return rows_of(snapshot, "dataset_replicas", self.fields, asked)
