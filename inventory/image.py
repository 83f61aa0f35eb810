"""One version of the inventory in chunks: an update makes the chunks it touches anew and shares all others. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from inventory.resolve.delta import Delta
from inventory.resolve.workspace import ID_COLUMNS
from inventory.schema import TABLES, empty_frame
from inventory.snapshot import Snapshot

CHUNK_DATASETS = 2048
"""Datasets per chunk: few enough that rewriting one takes milliseconds, enough that there are not too many files."""

Chunks = dict[str, dict[int, pl.DataFrame]]


@dataclass(frozen=True)
class Image:
    """``chunks``: by table and chunk number, rows sorted by key; a table that is not chunked is chunk 0."""

    version: int
    time: int
    chunks: Chunks

    @classmethod
    def from_frames(cls, frames: Mapping[str, pl.DataFrame], version: int = 0, time: int = 0) -> Image:
        """An image of whole tables; absent ones are empty, and group ``None`` exists."""
        snapshot = Snapshot.from_frames(frames)
        chunks = {name: split(name, snapshot.frame(name).sort(TABLES[name].key)) for name in TABLES}
        return cls(version, time, chunks)

    def after(self, delta: Delta, version: int, time: int) -> Image:
        """The version that the record ``version`` makes of this one."""
        chunks = dict(self.chunks)
        for name in delta.tables():
            chunks[name] = _changed(name, self.chunks[name], delta)
        return Image(version, time, chunks)

    def snapshot(self) -> Snapshot:
        """This version for readers."""
        return ChunkedSnapshot(self.chunks, self.version, self.time)

    def next_ids(self) -> dict[str, int]:
        """First ids larger than all in use."""
        return {name: max((_largest(chunk, column) for chunk in self.chunks[name].values()), default=0) + 1
                for name, column in ID_COLUMNS.items()}  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Number of rows by table."""
        return {name: sum(chunk.height for chunk in self.chunks[name].values()) for name in TABLES}


class ChunkedSnapshot(Snapshot):
    """A snapshot that looks only into the chunks where datasets are."""

    def __init__(self, chunks: Mapping[str, Mapping[int, pl.DataFrame]], version: int, time: int) -> None:
        self._chunks = chunks
        super().__init__({}, version, time)

    def table(self, name: str) -> pl.LazyFrame:
        """The table ``name`` with the columns that ``schema.TABLES`` declares."""
        if name not in self._tables:
            self._tables[name] = _joined(name, self._chunks[name]).lazy()
        return self._tables[name]

    def frame(self, name: str) -> pl.DataFrame:
        """The same, collected once."""
        if name not in self._frames:
            self._frames[name] = _joined(name, self._chunks[name])
        return self._frames[name]

    def of_datasets(self, name: str, dataset_ids: pl.Series) -> pl.DataFrame:
        """Rows of the chunked table ``name`` that belong to the datasets with ``dataset_ids``."""
        numbers = (dataset_ids // CHUNK_DATASETS).unique().to_list()
        chunks = self._chunks[name]
        wanted = {number: chunks[number] for number in numbers if number in chunks}
        return _joined(name, wanted).filter(pl.col("dataset_id").is_in(dataset_ids.implode()))


def split(name: str, rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Rows of table ``name`` by chunk; empty chunks do not exist."""
    if rows.is_empty():
        return {}
    if not TABLES[name].chunked:
        return {0: rows}
    numbered = rows.with_columns(_chunk=pl.col("dataset_id") // CHUNK_DATASETS)
    parts = numbered.partition_by("_chunk", as_dict=True, include_key=False, maintain_order=True)
    return {int(number): part for (number,), part in parts.items()}


def _changed(name: str, chunks: Mapping[int, pl.DataFrame], delta: Delta) -> dict[int, pl.DataFrame]:
    empty = empty_frame(name)
    puts = split(name, delta.puts.get(name, empty))
    touched = split(name, delta.touched(name))
    changed = dict(chunks)
    for number, keys in touched.items():
        kept = chunks.get(number, empty).join(keys, on=TABLES[name].key, how="anti", maintain_order="left")
        rows = pl.concat([kept, puts[number]]).sort(TABLES[name].key) if number in puts else kept
        if rows.is_empty():
            changed.pop(number, None)
        else:
            changed[number] = rows.rechunk()
    return changed


def _joined(name: str, chunks: Mapping[int, pl.DataFrame]) -> pl.DataFrame:
    frames = [chunks[number] for number in sorted(chunks)]
    if not frames:
        return empty_frame(name)
    return frames[0] if len(frames) == 1 else pl.concat(frames, rechunk=False)


def _largest(chunk: pl.DataFrame, column: str) -> int:
    largest = chunk[column].max()
    return int(largest) if isinstance(largest, int) else 0
