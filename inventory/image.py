"""One version of the inventory in chunks: an update makes the chunks it touches anew and shares all others. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from inventory.chunked import ChunkedSnapshot, Chunks
from inventory.packed import PackedRows, pack
from inventory.resolve.delta import Delta
from inventory.resolve.workspace import ID_COLUMNS
from inventory.schema import TABLES, empty_frame
from inventory.snapshot import Snapshot


@dataclass(frozen=True)
class Image:
    """``chunks``: by table and chunk number, rows sorted by key; a table that is not chunked is chunk 0.

    ``pin``: whatever keeps the files of the chunks in place as long as it exists.
    """

    version: int
    time: int
    chunks: Chunks
    pin: object = None

    @classmethod
    def from_frames(cls, frames: Mapping[str, pl.DataFrame], version: int = 0, time: int = 0) -> Image:
        """An image of whole tables; absent ones are empty, and group ``None`` exists."""
        snapshot = Snapshot.from_frames(frames)
        chunks = {}
        for name in TABLES:
            parts = split(name, snapshot.frame(name).sort(TABLES[name].key))
            chunks[name] = {number: pack(name, rows) for number, rows in parts.items()}
        return cls(version, time, chunks)

    def after(self, delta: Delta, version: int, time: int) -> Image:
        """The version that the record ``version`` makes of this one."""
        chunks = dict(self.chunks)
        for name in delta.tables():
            chunks[name] = _changed(name, self.chunks[name], delta)
        return Image(version, time, chunks, self.pin)

    def snapshot(self) -> Snapshot:
        """This version for readers."""
        return ChunkedSnapshot(self.chunks, self.version, self.time, self.pin)

    def next_ids(self) -> dict[str, int]:
        """First ids larger than all in use."""
        return {name: max((int(rows.numbers(column).max(initial=0)) for rows in self.chunks[name].values()), default=0) + 1
                for name, column in ID_COLUMNS.items()}  # fmt: skip

    def counts(self) -> dict[str, int]:
        """Number of rows by table."""
        return {name: sum(rows.height for rows in self.chunks[name].values()) for name in TABLES}


def split(name: str, rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Rows of table ``name`` by chunk; empty chunks do not exist."""
    if rows.is_empty():
        return {}
    if not TABLES[name].chunked:
        return {0: rows}
    numbered = rows.with_columns(_chunk=pl.col("dataset_id") // TABLES[name].chunk_datasets)
    parts = numbered.partition_by("_chunk", as_dict=True, include_key=False, maintain_order=True)
    return {int(number): part for (number,), part in parts.items()}


def _changed(name: str, chunks: Mapping[int, PackedRows], delta: Delta) -> dict[int, PackedRows]:
    puts = split(name, delta.puts.get(name, empty_frame(name)))
    changed = dict(chunks)
    for number, keys in split(name, delta.touched(name)).items():
        before = chunks[number].frame() if number in chunks else empty_frame(name)
        kept = before.join(keys, on=TABLES[name].key, how="anti", maintain_order="left")
        rows = pl.concat([kept, puts[number]]).sort(TABLES[name].key) if number in puts else kept
        if rows.is_empty():
            changed.pop(number, None)
        else:
            changed[number] = pack(name, rows)
    return changed
