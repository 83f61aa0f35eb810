"""Names: UUIDs with a suffix (as of blocks and files) as 16 bytes each, any other text as it is.

A *form* is how a UUID is written: in upper or lower case, and what stands behind it, e.g. ``.root``. Names of the same form are
packed together; what has no UUID in front, or a rare form, is kept as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from inventory.packed import numbers
from inventory.packed.numbers import Array, Rows

_MOST_FORMS = 200
_LENGTH = 36
_DASHES = [8, 13, 18, 23]
_DIGITS = np.array([place for place in range(_LENGTH) if place not in _DASHES])
_LARGE = 2**31 - 1

Form = tuple[bool, str]
"""Whether in upper case, and the suffix."""


def _values(digits: bytes) -> Array:
    found = np.full(256, 255, np.uint8)
    found[np.frombuffer(digits, np.uint8)] = np.arange(16)
    return found


_CASES = {False: b"0123456789abcdef", True: b"0123456789ABCDEF"}
_VALUE = {upper: _values(digits) for upper, digits in _CASES.items()}
_PAIR = {
    upper: np.array([(digits[byte >> 4], digits[byte & 15]) for byte in range(256)], np.uint8)
    for upper, digits in _CASES.items()
}


def plain(values: pl.Series) -> pa.Array:
    """The texts as one array of Arrow's, with short offsets where these do."""
    array = values.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    return array if array.nbytes > _LARGE else array.cast(pa.string())


def packed(values: pl.Series) -> tuple[list[Form], int, dict[str, Any]]:
    """The forms, the smallest number of a form, and the parts.

    ``form.*``: numbers of forms by row, 0 for other text; ``uuid``: 16 bytes for each row with a form; ``text``: the others.
    """
    forms: dict[Form, int] = {}
    of_row = np.zeros(len(values), np.uint8)
    shaped, suffixes = _shaped(values)
    digits = np.empty((0, len(_DIGITS)), np.uint8)
    if len(shaped):
        digits = _letters(values.gather(shaped))[:, _DIGITS]
        of_row[shaped] = _formed(digits, suffixes, forms)
    kept = of_row[shaped] > 0
    smallest, numbered = numbers.packed(of_row)
    parts = _named("form", numbered)
    if kept.any():
        parts["uuid"] = _uuids(digits[kept])
    others = values.filter(pl.Series(of_row == 0))
    if len(others):
        parts["text"] = plain(others)
    return list(forms), smallest, parts


def unpacked(forms: list[Form], smallest: int, parts: Mapping[str, Any], height: int, rows: Rows) -> pa.Array:
    """The texts of all or some ``rows``."""
    kinds = numbers.unpacked(smallest, _unnamed("form", parts), np.dtype(np.uint8), height, None)
    if smallest and "form.distance" not in parts:
        return written(_bytes(parts, rows), forms[smallest - 1])
    if not kinds.any():
        text = parts.get("text", pa.array([], pa.string()))
        return text if rows is None else text.take(pa.array(rows))
    wanted = np.arange(height) if rows is None else rows
    is_uuid = kinds > 0
    place = np.where(is_uuid, np.cumsum(is_uuid), np.cumsum(~is_uuid)) - 1
    pieces, places = [], []
    for number in np.unique(kinds[wanted]).tolist():
        at = np.flatnonzero(kinds[wanted] == number)
        inside = place[wanted[at]]
        pieces.append(
            written(_bytes(parts, inside), forms[number - 1])
            if number
            else parts["text"].take(pa.array(inside)).cast(pa.large_string())
        )
        places.append(at)
    if not pieces:
        return pa.array([], pa.large_string())
    return pa.concat_arrays(pieces).take(pa.array(np.argsort(np.concatenate(places))))


def heads(values: pl.Series) -> Array:
    """The first half of the UUID that each text begins with, as a number; 0 where there is none."""
    shaped, _ = _shaped(values)
    found = np.zeros(len(values), np.uint64)
    if len(shaped):
        found[shaped] = _heads(_uuids(_letters(values.gather(shaped))[:, _DIGITS]))
    return found


def candidates(smallest: int, parts: Mapping[str, Any], height: int, wanted: Array) -> Array:
    """For each row whether its text may be one with a head in ``wanted``: no text is written; other texts all may."""
    kinds = numbers.unpacked(smallest, _unnamed("form", parts), np.dtype(np.uint8), height, None)
    found: Array = kinds == 0
    if "uuid" in parts:
        found[~found] = np.isin(_heads(parts["uuid"]), wanted)
    return found


def _uuids(digits: Array) -> Array:
    """16 bytes for each row of 32 letters."""
    nibbles = np.minimum(_VALUE[False][digits], _VALUE[True][digits])
    return (nibbles[:, ::2] << 4 | nibbles[:, 1::2]).reshape(-1)


def _heads(uuids: Array) -> Array:
    halves: Array = np.ascontiguousarray(uuids.reshape(-1, 16)[:, :8]).view(np.uint64).ravel()
    return halves


def _named(name: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}.{part}": array for part, array in parts.items()}


def _unnamed(name: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    return {part.removeprefix(f"{name}."): array for part, array in parts.items() if part.startswith(f"{name}.")}


def _shaped(values: pl.Series) -> tuple[Array, pl.Series]:
    """Rows of texts that begin like a UUID, and what stands behind it there."""
    shape = r"^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})"
    found = values.str.contains(shape).fill_null(False)
    return found.arg_true().to_numpy(), values.filter(found).str.slice(_LENGTH)


def _letters(values: pl.Series) -> Array:
    """The first 36 bytes of each text, one row each."""
    heads = plain(values.str.slice(0, _LENGTH))
    data = np.frombuffer(heads.buffers()[2], np.uint8, len(heads) * _LENGTH)
    return data.reshape(-1, _LENGTH)


def _formed(digits: Array, suffixes: pl.Series, forms: dict[Form, int]) -> Array:
    """The number of each text's form; new ones are added to ``forms`` while there is room."""
    upper = (_VALUE[False][digits] == 255).any(axis=1)
    frame = pl.DataFrame({"upper": upper, "suffix": suffixes})
    # The commonest first; the order is the same for the same rows.
    common = frame.group_by("upper", "suffix").len().sort("len", "upper", "suffix", descending=[True, False, False])
    for is_upper, suffix in common.head(_MOST_FORMS).select("upper", "suffix").iter_rows():
        forms[is_upper, suffix] = len(forms) + 1
    numbered = pl.DataFrame(
        {
            "upper": [upper for upper, _ in forms],
            "suffix": [suffix for _, suffix in forms],
            "form": list(forms.values()),
        },
        schema={"upper": pl.Boolean, "suffix": pl.String, "form": pl.UInt8},
    )
    found = frame.join(numbered, on=["upper", "suffix"], how="left", maintain_order="left")["form"]
    return found.fill_null(0).to_numpy()


def _bytes(parts: Mapping[str, Any], rows: Rows) -> Array:
    together = np.asarray(parts["uuid"]).reshape(-1, 16)
    return together if rows is None else together[rows]


def written(uuids: Array, form: Form) -> pa.Array:
    """The texts of one form; ``uuids``: a row of 16 bytes each."""
    upper, suffix = form
    behind = np.frombuffer(suffix.encode(), np.uint8)
    width = _LENGTH + len(behind)
    letters = np.empty((len(uuids), width), np.uint8)
    letters[:, _DIGITS] = _PAIR[upper][uuids].reshape(len(uuids), len(_DIGITS))
    letters[:, _DASHES] = ord("-")
    letters[:, _LENGTH:] = behind
    offsets = np.arange(len(uuids) + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(len(uuids), pa.py_buffer(offsets), pa.py_buffer(letters))
