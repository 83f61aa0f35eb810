"""A snapshot over packed chunks: unpacks the columns that are asked for, and only the chunks where datasets are."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from inventory.packed import PackedRows, joined
from inventory.packed.lookup import called, datasets_called
from inventory.packed.numbers import Rows
from inventory.schema import TABLES, empty_frame
from inventory.snapshot import Snapshot, lfn, split_lfn

Chunks = dict[str, dict[int, PackedRows]]
Piece = tuple[PackedRows, Rows]

_BATCH_ROWS = 500_000
_PIECE_ROWS, _GROWTH = 100_000, 10


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

    def pieces(self, name: str, *columns: str, since: int = 0) -> Iterator[pl.DataFrame]:
        """All or some columns of the table, some rows at a time, few at first; of the datasets from the id ``since`` on.

        Nothing is kept.
        """
        numbers = sorted(self._chunks[name])
        begin = bisect.bisect_left(numbers, since // TABLES[name].chunk_datasets)
        chunks = [self._chunks[name][number] for number in numbers[begin:]]
        if since and chunks:
            first = np.flatnonzero(chunks[0].numbers("dataset_id") >= since)
            yield joined(name, [(chunks[0], first)], columns or None)
            chunks = chunks[1:]
        for batch in _batches(chunks, 1, _PIECE_ROWS):
            yield joined(name, batch, columns or None)

    def of_datasets(self, name: str, dataset_ids: pl.Series, *columns: str) -> pl.DataFrame:
        """All or some columns of the rows of the chunked table ``name`` that belong to the datasets with ``dataset_ids``."""
        # Plain NumPy: commits of a few rows do this for every table.
        ids = np.unique(_whole(dataset_ids).to_numpy())
        numbers, begins = np.unique(ids // TABLES[name].chunk_datasets, return_index=True)
        pieces = []
        for number, begin, end in zip(numbers.tolist(), begins, [*begins[1:], len(ids)], strict=False):
            rows = self._chunks[name].get(number)
            if rows is not None and len(places := rows.rows_of(ids[begin:end])):
                pieces.append((rows, places))
        if pieces:
            return joined(name, pieces, columns or None)
        return empty_frame(name).select(columns) if columns else empty_frame(name)

    def datasets_called(self, names: pl.Series) -> pl.Series:
        """Ids of the datasets with these names."""
        return datasets_called(self._in_order("datasets"), _whole(names))

    def files_called(self, lfns: pl.Series) -> pl.DataFrame:
        """Files with these LFNs: the columns of ``files``, and ``lfn``."""
        paths = pl.DataFrame({"lfn": lfns.cast(pl.String)}).drop_nulls().unique().select(split_lfn())
        return called(self._in_order("files"), paths).with_columns(lfn())

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
        left = n_rows
        for batch in _batches(self._chunks):
            pieces = batch if left is None else _first(batch, left)
            left = None if left is None else left - sum(_height(piece) for piece in pieces)
            pieces = pieces if predicate is None else _filtered(self._name, pieces, predicate)
            yield joined(self._name, pieces, wanted).select(wanted)
            if left == 0:
                return


def _whole(values: pl.Series) -> pl.Series:
    return values.drop_nulls() if values.null_count() else values


def _batches(chunks: Sequence[PackedRows], least: int = _BATCH_ROWS, most: int = _BATCH_ROWS) -> Iterator[list[Piece]]:
    """Whole chunks, together until there are ``least`` rows at first, ``most`` later; at least one batch."""
    batch: list[Piece] = []
    for rows in chunks:
        if sum(part.height for part, _ in batch) >= least:
            yield batch
            batch, least = [], min(_GROWTH * least, most)
        batch.append((rows, None))
    yield batch


def _height(piece: Piece) -> int:
    chunk, rows = piece
    return chunk.height if rows is None else len(rows)


def _first(pieces: Sequence[Piece], number: int) -> list[Piece]:
    begins = np.cumsum([0, *map(_height, pieces)])
    return [
        (chunk, np.arange(min(chunk.height, number - begin)))
        for (chunk, _), begin in zip(pieces, begins.tolist(), strict=False)
        if begin < number
    ]


def _filtered(name: str, pieces: Sequence[Piece], predicate: pl.Expr) -> list[Piece]:
    """What fulfils ``predicate``: only the columns that it needs are unpacked for it."""
    frame = joined(name, pieces, predicate.meta.root_names() or TABLES[name].key[:1])
    # A column of the frame, for every row also where the predicate is a constant.
    hits = frame.with_columns(_found=predicate.fill_null(False))["_found"].arg_true().to_numpy()
    if len(hits) == frame.height:
        return list(pieces)
    ends = np.cumsum([_height(piece) for piece in pieces])
    bounds = np.searchsorted(hits, np.concatenate([[0], ends]))
    found: list[Piece] = []
    for place, (chunk, rows) in enumerate(pieces):
        own = hits[bounds[place] : bounds[place + 1]] - (ends[place] - _height((chunk, rows)))
        if len(own):
            found.append((chunk, own if rows is None else rows[own]))
    return found
