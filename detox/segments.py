"""Reductions over contiguous segments of arrays: per replica, per dataset. All index arrays are int64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def ranges(starts: Array, counts: Array) -> Array:
    """The indices start … start+count-1 of every segment, one after the other."""
    total = int(counts.sum())
    if total == 0:
        return np.empty(0, np.int64)
    filled = counts > 0
    starts, counts = starts[filled].astype(np.int64), counts[filled]
    steps = np.ones(total, np.int64)
    steps[0] = starts[0]
    steps[np.cumsum(counts[:-1])] = starts[1:] - (starts[:-1] + counts[:-1] - 1)
    return np.cumsum(steps)


def reduce_filled(operation: np.ufunc, values: Array, counts: Array, empty: Any) -> Array:
    """``operation`` over segments of ``values`` that follow each other with ``counts`` items; ``empty`` where there are none."""
    filled = counts > 0
    result = np.full(len(counts), empty, dtype=values.dtype if values.dtype != np.bool_ else np.int64)
    if filled.any():
        starts = (np.cumsum(counts) - counts)[filled]
        result[filled] = operation.reduceat(values.astype(result.dtype, copy=False), starts)
    return result


def any_in(values: Array, counts: Array) -> Array:
    """Whether one of each segment's booleans is true."""
    filled = counts > 0
    result = np.zeros(len(counts), np.bool_)
    if filled.any():
        starts = (np.cumsum(counts) - counts)[filled]
        result[filled] = np.logical_or.reduceat(values, starts)
    return result


def count_in(values: Array, counts: Array) -> Array:
    """How many of each segment's booleans are true."""
    return reduce_filled(np.add, values, counts, 0)


def count_before(values: Array, counts: Array) -> Array:
    """For each boolean how many of its segment up to it, itself included, are true."""
    sums = np.cumsum(values)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    before: Array = sums - np.where(starts > 0, sums[starts - 1], 0)
    return before
