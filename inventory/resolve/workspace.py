"""The part of the inventory that a change set concerns, as frames that the steps of resolving replace one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from inventory.changes import ChangeSet
from inventory.errors import Problem
from inventory.resolve.delta import Delta, difference
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

ID_COLUMNS = {
    "groups": "group_id", "sites": "site_id", "partitions": "partition_id",
    "datasets": "dataset_id", "blocks": "block_id", "files": "file_id",
}  # fmt: skip
"""Tables whose rows get ids, with the column."""

REPLICA = ["dataset_id", "block_id", "site_id"]


class Workspace:
    """Frames as they were (``before``) and as they stand (:meth:`frame`); only rows of the datasets concerned are loaded.

    ``given``: rows of the change set by table with ids and what was given; ``kept``: replicas as they were after the
    deletes; ``gone_files``: files said to be gone from replicas; ``changed_blocks``: ids of blocks whose files changed;
    ``problems``: mistakes found so far.
    """

    def __init__(
        self, snapshot: Snapshot, changes: ChangeSet, now: int, next_ids: Mapping[str, int] | None = None
    ) -> None:
        self.snapshot, self.changes, self.time = snapshot, changes, now
        self.problems: list[Problem] = []
        self.before: dict[str, pl.DataFrame] = {}
        self.given: dict[str, pl.DataFrame] = {}
        self.gone_files = pl.DataFrame(schema=TABLES["replica_files"].schema)
        self.changed_blocks = pl.Series("block_id", [], dtype=pl.UInt32)
        self.kept: dict[str, pl.DataFrame] = {}
        self._frames: dict[str, pl.DataFrame] = {}
        self._next_ids = dict(next_ids) if next_ids is not None else {}
        self.dataset_ids = self._concerned()

    def frame(self, name: str) -> pl.DataFrame:
        """Table ``name`` as it stands now, as far as the change set concerns it."""
        if name not in self._frames:
            self._frames[name] = self.before[name] = self._loaded(name)
        return self._frames[name]

    def set(self, name: str, frame: pl.DataFrame) -> None:
        """Replace the table ``name``."""
        self.frame(name)
        self._frames[name] = frame.select(TABLES[name].schema.names())

    def upsert(self, name: str, rows: pl.DataFrame) -> None:
        """Put full ``rows`` over those with the same key."""
        key = list(TABLES[name].key)
        rows = rows.select(TABLES[name].schema.names())
        old = self.frame(name)
        self.set(name, rows if old.is_empty() else pl.concat([old.join(rows, on=key, how="anti"), rows]))

    def new_ids(self, name: str, number: int) -> pl.Series:
        """``number`` ids of table ``name`` that were never used; notes a problem when there are no more."""
        column = ID_COLUMNS[name]
        dtype = TABLES[name].schema[column]
        first = self._next_ids.get(name) or self._first_free(name)
        largest = 2 ** {pl.UInt16: 16, pl.UInt32: 32, pl.UInt64: 63}[type(dtype)] - 1  # type: ignore[index]
        if first + number - 1 > largest:
            self.problems.append(Problem(name, f"no more ids: {largest} were given"))
            return pl.Series(column, range(1, number + 1), dtype=pl.UInt64).cast(dtype, strict=False)
        self._next_ids[name] = first + number
        return pl.Series(column, range(first, first + number), dtype=dtype)

    def refuse(self, where: str, whats: Iterable[str]) -> None:
        """Note mistakes."""
        self.problems.extend(Problem(where, what) for what in whats)

    def delta(self) -> Delta:
        """What changed, as rows by id."""
        puts, deletes = {}, {}
        for name in TABLES:
            if name not in self._frames or self._frames[name] is self.before[name]:
                continue
            put, deleted = difference(name, self.before[name], self._frames[name])
            if put.height:
                puts[name] = put
            if deleted.height:
                deletes[name] = deleted
        return Delta(puts, deletes, self._next_ids)

    def _loaded(self, name: str) -> pl.DataFrame:
        if TABLES[name].chunked:
            return self.snapshot.of_datasets(name, self.dataset_ids)
        return self.snapshot.frame(name)

    def _first_free(self, name: str) -> int:
        largest = self.snapshot.table(name).select(pl.col(ID_COLUMNS[name]).max()).collect().item()
        return 1 if largest is None else int(largest) + 1

    def _concerned(self) -> pl.Series:
        names = []
        for frames in (self.changes.puts, self.changes.deletes):
            names += [frame["name" if table == "datasets" else "dataset"] for table, frame in frames.items()
                      if table == "datasets" or "dataset" in frame.columns]  # fmt: skip
        ids = [self._datasets_at_deleted_sites()]
        if names:
            ids.append(self.snapshot.datasets_called(pl.concat(names).drop_nulls().unique()))
        return pl.concat(ids).unique()

    def _datasets_at_deleted_sites(self) -> pl.Series:
        deleted = self.changes.deletes.get("sites")
        if deleted is None or deleted.is_empty():
            return pl.Series("dataset_id", [], dtype=pl.UInt32)
        sites = self.frame("sites").filter(pl.col("name").is_in(deleted["name"].implode()))["site_id"].implode()
        tables = [
            self.snapshot.table(name).filter(pl.col("site_id").is_in(sites)).select("dataset_id").collect()
            for name in ("dataset_replicas", "block_replicas")
        ]
        return pl.concat(tables)["dataset_id"]
