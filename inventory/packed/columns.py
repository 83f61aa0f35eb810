"""One column in packed form: a description for the file's header, and parts by name."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from inventory.packed import numbers, texts
from inventory.packed.numbers import Array, Rows
from inventory.schema import Column

About = dict[str, Any]
Parts = dict[str, Any]
"""By name: NumPy's arrays of numbers, Arrow's of texts."""

_KINDS: dict[Any, Any] = {
    pl.UInt8: np.uint8, pl.UInt16: np.uint16, pl.UInt32: np.uint32, pl.UInt64: np.uint64, pl.Int64: np.int64,
    pl.Float64: np.float64, pl.Boolean: np.bool_,
}  # fmt: skip


def packed(column: Column, values: pl.Series) -> tuple[About, Parts]:
    """The column ``values`` (of the declared type) as it is kept."""
    if column.dtype == pl.String:
        return _packed_text(column, values)
    about: About = {}
    parts: Parts = {}
    if values.null_count():
        parts["null"] = np.packbits(values.is_null().to_numpy())
        values = values.fill_null(strategy="min") if values.null_count() < len(values) else values.fill_null(0)
    if column.dtype == pl.Float64:
        parts["value"] = values.to_numpy()
    elif column.dtype == pl.Boolean and 0 < (number := int(values.sum())) < len(values):
        about["true"] = number
        parts["bit"] = np.packbits(values.to_numpy())
    else:
        about["smallest"], found = numbers.packed(_integers(values))
        parts |= found
    return about, parts


def unpacked(column: Column, about: About, parts: Mapping[str, Any], height: int, rows: Rows) -> pa.Array:
    """All or some ``rows`` of a column: an array of Arrow's; of an enumeration the codes."""
    if column.dtype == pl.String:
        return _unpacked_text(about, parts, height, rows)
    kind = number_type(column)
    null = None
    if "null" in parts:
        null = _bits(parts["null"], height, rows)
    if "value" in parts:
        values = parts["value"] if rows is None else parts["value"][rows]
    elif "bit" in parts:
        values = _bits(parts["bit"], height, rows)
    else:
        smallest = about["smallest"]
        wide = np.dtype(np.uint8) if kind == np.bool_ else kind
        values = numbers.unpacked(smallest, parts, wide, height, rows).astype(kind, copy=False)
    return pa.array(values, mask=null)


def number_type(column: Column) -> np.dtype[Any]:
    """NumPy's type of a column that is no text; of an enumeration that of its codes."""
    kind: np.dtype[Any] = np.dtype(_KINDS[pl.UInt8 if isinstance(column.dtype, pl.Enum) else column.dtype])
    return kind


def _packed_text(column: Column, values: pl.Series) -> tuple[About, Parts]:
    if column.packed == "uuid":
        forms, smallest, parts = texts.packed(values)
        return {"forms": forms, "smallest": smallest}, parts
    if column.packed == "repeated":
        coded = texts.plain(values).dictionary_encode(null_encoding="encode")
        smallest, found = numbers.packed(coded.indices.to_numpy())
        checks = np.array([zlib.crc32((word or "").encode()) for word in coded.dictionary.to_pylist()], np.uint32)
        return {"smallest": smallest}, {**found, "word": coded.dictionary, "check": checks}
    return {}, {"text": texts.plain(values)}


def _unpacked_text(about: About, parts: Mapping[str, Any], height: int, rows: Rows) -> pa.Array:
    if "forms" in about:
        forms = [(bool(upper), str(suffix)) for upper, suffix in about["forms"]]
        return texts.unpacked(forms, about["smallest"], parts, height, rows)
    if "word" in parts:
        words = numbers.unpacked(about["smallest"], parts, np.dtype(np.int64), height, rows)
        return parts["word"].take(pa.array(words))
    return parts["text"] if rows is None else parts["text"].take(pa.array(rows))


def _integers(values: pl.Series) -> Array:
    if isinstance(values.dtype, pl.Enum):
        return values.to_physical().to_numpy()
    return (values.cast(pl.UInt8) if values.dtype == pl.Boolean else values).to_numpy()


def _bits(packed_bits: Array, height: int, rows: Rows) -> Array:
    bits = np.unpackbits(packed_bits, count=height).view(np.bool_)
    return bits if rows is None else bits[rows]
