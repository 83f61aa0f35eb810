"""Rows of one chunk of one table in packed form: in memory, or in a file that is mapped when it is first read.

The file is one of Arrow's with one record batch of one row: each part of each column is a list in it, and the schema's
metadata tell how columns are packed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Else these two are imported at the first use, which takes longer than to open a snapshot.
import numpy.ma
import polars as pl
import pyarrow as pa
import pyarrow.compute

from inventory.errors import ImageUnreadable, VersionGone
from inventory.packed import columns, texts
from inventory.packed.numbers import Array, Rows
from inventory.schema import TABLES, Column, Table

_ABOUT = b"inventory"
_FORMAT = 1


class PackedRows:
    """``height`` rows of ``table``; ``path``: the file they are in, if any."""

    def __init__(self, table: str, height: int, source: Path | pa.RecordBatch) -> None:
        self.table, self.height = table, height
        self.path = source if isinstance(source, Path) else None
        self._batch = None if isinstance(source, Path) else source
        self._about: dict[str, Any] = {}
        self._hashes: dict[str, Array] = {}
        self._indices: dict[str, tuple[Array, Array]] = {}

    def frame(self, names: Iterable[str] | None = None, rows: Rows = None) -> pl.DataFrame:
        """All or some columns of all or some ``rows`` (places, ascending). Raises VersionGone, ImageUnreadable."""
        return joined(self.table, [(self, rows)], names)

    def column(self, name: str, rows: Rows = None) -> pa.Array:
        """One column as Arrow's array; of an enumeration the codes. Raises VersionGone, ImageUnreadable."""
        declared = _declared(TABLES[self.table], name)
        about, parts = self.parts(name)
        try:
            return columns.unpacked(declared, about, parts, self.height, rows)
        except (KeyError, IndexError, ValueError, TypeError, pa.ArrowException) as error:
            raise ImageUnreadable(f"{self.path or self.table}: column {name} cannot be unpacked: {error}") from error

    def parts(self, name: str) -> tuple[columns.About, columns.Parts]:
        """How the column ``name`` is packed, and the parts that it has."""
        batch = self._opened()
        about = self._about[name]
        return about, {part: _array(batch.column(f"{name}.{part}").values) for part in about["parts"]}

    def numbers(self, name: str) -> Array:
        """A column of whole numbers, all rows."""
        found: Array = self.column(name).to_numpy(zero_copy_only=False)
        return found

    def candidates(self, name: str, wanted: Array) -> Array:
        """Of a column of UUIDs whether each row may be one with a head (``texts.heads``) in ``wanted``; no text is written."""
        about, parts = self.parts(name)
        return texts.candidates(about["smallest"], parts, self.height, wanted)

    def hashes(self, name: str) -> Array:
        """A number for each text of a column, the same for equal texts in this process; kept, for look-ups."""
        if name not in self._hashes:
            self._hashes[name] = hashed(self.column(name).to_pylist())
        return self._hashes[name]

    def places_of(self, name: str, hashes: Array) -> Array:
        """Places, ascending, of the rows whose text in a column may be one with these ``hashes``; an index is kept."""
        if name not in self._indices:
            own = self.hashes(name)
            order = np.argsort(own, kind="stable")
            self._indices[name] = own[order], order
        known, order = self._indices[name]
        begins, ends = np.searchsorted(known, hashes, "left"), np.searchsorted(known, hashes, "right")
        return order[:0] if (begins == ends).all() else np.unique(order[spans(begins, ends)])

    def rows_of(self, dataset_ids: Array) -> Array:
        """Places of the rows of some datasets; ``dataset_ids``: sorted."""
        own = self.numbers("dataset_id")
        begins, ends = np.searchsorted(own, dataset_ids, "left"), np.searchsorted(own, dataset_ids, "right")
        return spans(begins, ends)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return int(self._opened().nbytes)

    def write(self, path: Path) -> None:
        """Write the file that :class:`PackedRows` maps. Raises OSError."""
        batch = self._opened()
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)

    def _opened(self) -> pa.RecordBatch:
        if not self._about:
            batch = self._batch if self.path is None else _mapped(self.path)
            about = _described(batch, self)
            self._batch, self._about = batch, about
        return self._batch


def pack(table: str, rows: pl.DataFrame) -> PackedRows:
    """``rows`` of ``table`` (columns as declared, sorted by key) in packed form; the same rows give the same bytes."""
    about: dict[str, Any] = {}
    lists: dict[str, pa.Array] = {}
    for column in TABLES[table].columns:
        description, parts = columns.packed(column, rows[column.name])
        about[column.name] = {**description, "parts": list(parts)}
        for name, part in parts.items():
            values = pa.array(part)
            offsets = pa.array([0, len(values)], pa.int64())
            lists[f"{column.name}.{name}"] = pa.LargeListArray.from_arrays(offsets, values)
    if not lists:
        # A batch without columns would have no row.
        lists["_"] = pa.LargeListArray.from_arrays(pa.array([0, 0], pa.int64()), pa.array([], pa.uint8()))
    described = json.dumps({"format": _FORMAT, "table": table, "rows": rows.height, "columns": about})
    batch = pa.record_batch(lists)
    return PackedRows(table, rows.height, batch.replace_schema_metadata({_ABOUT: described.encode()}))


def joined(table: str, pieces: Sequence[tuple[PackedRows, Rows]], names: Iterable[str] | None = None) -> pl.DataFrame:
    """Rows of several chunks as one frame with all or some columns, each contiguous if it is of numbers."""
    declared = TABLES[table]
    wanted = [column for column in declared.columns if names is None or column.name in set(names)]
    return pl.DataFrame([_joined_column(column, pieces) for column in wanted])


def hashed(values: Iterable[str | None]) -> Array:
    """A number for each text, the same for equal texts in this process."""
    return np.fromiter(map(hash, values), np.int64)


def spans(begins: Array, ends: Array) -> Array:
    """All places from each begin to its end (not included)."""
    counts = ends - begins
    return np.repeat(ends - np.cumsum(counts), counts) + np.arange(int(counts.sum()))


def _joined_column(column: Column, pieces: Sequence[tuple[PackedRows, Rows]]) -> pl.Series:
    if len(pieces) > 1 and not column.nullable and column.dtype.is_numeric():
        return _joined_numbers(column, pieces)
    arrays = [packed.column(column.name, rows) for packed, rows in pieces]
    if not arrays:
        return pl.Series(column.name, [], dtype=column.dtype)
    if column.dtype == pl.String:
        return pl.concat([_text(array) for array in arrays], rechunk=False).alias(column.name)
    whole = arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)
    found = pl.Series(column.name, pl.from_arrow(whole))
    if isinstance(column.dtype, pl.Enum):
        found = pl.Series(column.name, column.dtype.categories, dtype=column.dtype).gather(found)
    return found.cast(column.dtype)


def _joined_numbers(column: Column, pieces: Sequence[tuple[PackedRows, Rows]]) -> pl.Series:
    """Numbers of all pieces, each unpacked into memory that is used again: fresh memory costs more than the unpacking."""
    ends = np.cumsum([packed.height if rows is None else len(rows) for packed, rows in pieces])
    out = np.empty(int(ends[-1]), columns.number_type(column))
    for (packed, rows), end in zip(pieces, ends.tolist(), strict=True):
        values = packed.column(column.name, rows)
        out[end - len(values) : end] = values.to_numpy(zero_copy_only=False)
    return pl.Series(column.name, pl.from_arrow(pa.array(out)))


def _text(array: pa.Array) -> pl.Series:
    return pl.Series(pl.from_arrow(array))


def _declared(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)


def _array(values: pa.Array) -> Any:
    return values if pa.types.is_string(values.type) or pa.types.is_large_string(values.type) else values.to_numpy()


def _mapped(path: Path) -> pa.RecordBatch:
    try:
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).get_batch(0)
    except FileNotFoundError:
        raise VersionGone(f"{path} is not there any more") from None
    except (OSError, pa.ArrowException) as error:
        raise ImageUnreadable(f"{path}: {error}") from error


def _described(batch: pa.RecordBatch, rows: PackedRows) -> dict[str, Any]:
    """What the header says of the columns. Raises ImageUnreadable when they are not the declared ones."""
    where = rows.path or rows.table
    try:
        described = json.loads((batch.schema.metadata or {})[_ABOUT])
        about, table, height = dict(described["columns"]), described["table"], described["rows"]
        if described["format"] != _FORMAT:
            raise ImageUnreadable(f"{where} was written by another version of Dynamo")
    except (KeyError, ValueError, TypeError) as error:
        raise ImageUnreadable(f"{where} holds no rows of an inventory") from error
    if table != rows.table or height != rows.height or list(about) != TABLES[rows.table].schema.names():
        raise ImageUnreadable(
            f"{where} has {height} rows of {table} with columns {', '.join(about)}: not what is wanted"
        )
    return about
