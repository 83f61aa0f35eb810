"""What the inventory knows of the things that a document names, as small frames in names."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from inventory.injection.reading import Reading
from inventory.policy.errors import nearest
from inventory.snapshot import Snapshot, lfn

_SHOWN = 100


class Known:
    """Rows of the datasets that a document names: ``datasets``, ``blocks``, ``files`` (of those blocks and LFNs that the
    document names), ``dataset_replicas``, ``block_replicas``; and all ``sites`` and ``groups``."""

    def __init__(self, snapshot: Snapshot, rows: Mapping[str, pl.DataFrame]) -> None:
        names = pl.concat([rows["datasets"]["name"], rows["dataset_replicas"]["dataset"].alias("name")]).unique()
        datasets = snapshot.table("datasets").filter(pl.col("name").is_in(names.implode()))
        self._snapshot = snapshot
        self.datasets = datasets.select("dataset_id", pl.col("name").alias("dataset")).collect()
        self._ids = self.datasets["dataset_id"]
        self.sites = snapshot.frame("sites").select("site_id", pl.col("name").alias("site"))
        self.groups = snapshot.frame("groups").select("group_id", pl.col("name").alias("group"))
        self.blocks = self._of("blocks").join(self.datasets, on="dataset_id").rename({"name": "block"})
        replicas = self._of("dataset_replicas").join(self.datasets, on="dataset_id").join(self.sites, on="site_id")
        self.dataset_replicas = replicas.join(self.groups, on="group_id", how="left")
        named = self.blocks.select("block_id", "dataset", "block")
        self.block_replicas = self._of("block_replicas").join(named, on="block_id").join(self.sites, on="site_id")

    def _of(self, table: str) -> pl.DataFrame:
        return self._snapshot.of_datasets(table, self._ids)

    def files(self, blocks: pl.DataFrame) -> pl.DataFrame:
        """Files of ``blocks`` (dataset, block): dataset, block, lfn, size, adler32, file_id, block_id."""
        wanted = self.blocks.join(blocks, on=["dataset", "block"], how="semi").select("block_id", "dataset", "block")
        found = self._snapshot.table("files").filter(
            pl.col("dataset_id").is_in(self._ids.implode()) & pl.col("block_id").is_in(wanted["block_id"].implode())
        )
        return found.with_columns(lfn()).collect().join(wanted, on="block_id")

    def elsewhere(self, lfns: pl.Series) -> pl.DataFrame:
        """Where in the whole inventory the LFNs exist: lfn, known_dataset, known_block."""
        found = self._snapshot.files_called(lfns)
        if found.is_empty():
            empty = pl.lit(None, pl.String)
            return found.select("lfn").with_columns(known_dataset=empty, known_block=empty)
        blocks = self._snapshot.table("blocks").filter(pl.col("block_id").is_in(found["block_id"].unique().implode()))
        names = self._snapshot.table("datasets").select("dataset_id", pl.col("name").alias("known_dataset"))
        placed = blocks.join(names, on="dataset_id").select("block_id", "known_dataset", known_block="name").collect()
        return found.join(placed, on="block_id").select("lfn", "known_dataset", "known_block")


def note_unknown(rows: pl.DataFrame, names: pl.Series, column: str, what: str, reading: Reading) -> None:
    """Note the rows whose ``column`` is none of ``names``."""
    unknown = rows.filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(names.implode()))
    # Sites and groups are few enough to look for what was meant.
    known = names.to_list() if column in ("site", "group") else []
    for where, name in unknown.select("where", column).iter_rows():
        reading.wrong(where, f"there is no {what} {name[:_SHOWN]!r}{nearest(name, known)}")
