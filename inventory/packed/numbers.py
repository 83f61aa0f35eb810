"""Whole numbers as distances from the smallest, in the narrowest type that holds them, and as runs where they repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64] | None
"""Places of rows that are wanted; None: all."""

_NARROW = (np.uint8, np.uint16, np.uint32, np.uint64)
_WRAP = 2**64


def packed(values: Array) -> tuple[int, dict[str, Array]]:
    """The smallest value, and the parts: none if all are equal; ``distance``; with ``end`` one for each run of equal ones."""
    if not len(values):
        return 0, {}
    smallest = int(values.min())
    # Modulo 2^64: right for signed and unsigned numbers of all sizes.
    distances = values.astype(np.uint64) - np.uint64(smallest % _WRAP)
    largest = int(distances.max())
    if not largest:
        return smallest, {}
    narrow = distances.astype(next(kind for kind in _NARROW if largest <= np.iinfo(kind).max))
    ends = np.append(np.flatnonzero(narrow[1:] != narrow[:-1]) + 1, len(narrow)).astype(np.uint32)
    # Runs take longer to unpack: they have to be worth it.
    if 2 * len(ends) * (narrow.itemsize + ends.itemsize) < narrow.nbytes:
        return smallest, {"distance": narrow[ends - 1], "end": ends}
    return smallest, {"distance": narrow}


def unpacked(smallest: int, parts: Mapping[str, Array], kind: np.dtype[Any], height: int, rows: Rows) -> Array:
    """The values of all or some ``rows``, in the type ``kind``."""
    distances = parts.get("distance")
    if distances is None:
        return np.full(height if rows is None else len(rows), smallest, kind)
    ends = parts.get("end")
    if ends is None:
        return _added(smallest, distances if rows is None else distances[rows], kind)
    values = _added(smallest, distances, kind)
    if rows is None:
        counts = ends.copy()
        counts[1:] -= ends[:-1]
        return np.repeat(values, counts)
    return values[np.searchsorted(ends, rows, side="right")]


def _added(smallest: int, distances: Array, kind: np.dtype[Any]) -> Array:
    if kind.kind == "u":
        narrow: Array = np.add(distances, kind.type(smallest), dtype=kind, casting="unsafe")
        return narrow
    wide = np.add(distances, np.uint64(smallest % _WRAP), dtype=np.uint64)
    return wide.view(np.int64).astype(kind, copy=False)
