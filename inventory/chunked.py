"""A snapshot over packed chunks: unpacks the columns that are asked for, and only the chunks where datasets are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl
from polars.io.plugins import register_io_source

from inventory.packed import PackedRows, joined
from inventory.schema import TABLES, empty_frame
from inventory.snapshot import Snapshot

Chunks = dict[str, dict[int, PackedRows]]

_BATCH_ROWS = 500_000


class ChunkedSnapshot(Snapshot):
    """Frames of one version from its chunks; ``pin`` keeps the chunks' files in place as long as this snapshot exists."""

    def __init__(
        self, chunks: Mapping[str, Mapping[int, PackedRows]], version: int, time: int, pin: object = None
    ) -> None:
        self._chunks, self._pin = chunks, pin
        self._columns: dict[tuple[str, str], pl.Series] = {}
        super().__init__({}, version, time)

    def table(self, name: str) -> pl.LazyFrame:
        """The table ``name`` with the columns that ``schema.TABLES`` declares; a query unpacks those that it uses."""
        if not TABLES[name].chunked:
            return self.frame(name).lazy()
        if name not in self._tables:
            # The source must not know this snapshot, which would then never go.
            source = _Source(name, self._in_order(name), self._pin)
            self._tables[name] = register_io_source(source, schema=TABLES[name].schema, is_pure=True)
        return self._tables[name]

    def frame(self, name: str, *columns: str) -> pl.DataFrame:
        """All or some columns of the table, each unpacked once."""
        wanted = columns or tuple(TABLES[name].schema)
        lacking = [column for column in wanted if (name, column) not in self._columns]
        if lacking:
            found = joined(name, [(rows, None) for rows in self._in_order(name)], lacking)
            self._columns.update({(name, column): found[column] for column in lacking})
        return pl.DataFrame([self._columns[name, column] for column in wanted])

    def pieces(self, name: str, *columns: str) -> Iterator[pl.DataFrame]:
        """All or some columns of the table, some rows at a time; nothing is kept."""
        return _pieces(name, self._in_order(name), columns)

    def of_datasets(self, name: str, dataset_ids: pl.Series) -> pl.DataFrame:
        """Rows of the chunked table ``name`` that belong to the datasets with ``dataset_ids``."""
        ids = dataset_ids.drop_nulls().unique().sort()
        by_chunk = pl.DataFrame({"id": ids, "chunk": ids // TABLES[name].chunk_datasets})
        pieces = []
        for (number,), part in by_chunk.partition_by("chunk", as_dict=True, maintain_order=True).items():
            rows = self._chunks[name].get(number)
            if rows is not None:
                pieces.append((rows, rows.rows_of(part["id"].to_numpy())))
        return joined(name, pieces) if pieces else empty_frame(name)

    def files(self) -> dict[str, PackedRows]:
        """The chunks that are in files, by file name."""
        return {rows.path.name: rows for parts in self._chunks.values() for rows in parts.values() if rows.path}

    def _in_order(self, name: str) -> list[PackedRows]:
        chunks = self._chunks[name]
        return [chunks[number] for number in sorted(chunks)]


class _Source:
    """A chunked table for Polars: unpacks the columns that a query uses, batch by batch."""

    def __init__(self, name: str, chunks: Sequence[PackedRows], pin: object) -> None:
        self._name, self._chunks, self._pin = name, chunks, pin

    def __call__(
        self, columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        """Rows that fulfil ``predicate``, at most ``n_rows``."""
        wanted = list(TABLES[self._name].schema) if columns is None else columns
        used = wanted if predicate is None else list({*wanted, *predicate.meta.root_names()})
        left = n_rows
        for piece in _pieces(self._name, self._chunks, used):
            rows = piece if left is None else piece.head(left)
            left = None if left is None else left - rows.height
            yield (rows if predicate is None else rows.filter(predicate)).select(wanted)
            if left == 0:
                return


def _pieces(name: str, chunks: Sequence[PackedRows], columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Some columns (all if none are named) of the chunks, together until there are many rows; at least one frame."""
    batch: list[tuple[PackedRows, None]] = []
    for rows in chunks:
        if sum(part.height for part, _ in batch) >= _BATCH_ROWS:
            yield joined(name, batch, columns or None)
            batch = []
        batch.append((rows, None))
    yield joined(name, batch, columns or None)
