"""Whether an answer of a source can be believed: a source that has gone mad is worse than one that is silent."""

from __future__ import annotations

import polars as pl

from inventory.sources.base import SourceFailed


def believe(frame: pl.DataFrame, unknown: int, last_good: int | None, most_lost: float, most_unknown: float) -> None:
    """Raise :class:`SourceFailed` for an answer that cannot be right.

    ``unknown``: rows of datasets that the inventory does not have; ``last_good``: rows of the last good answer; ``most_lost``,
    ``most_unknown``: parts, from 0 to 1, of rows that may be gone since, or unknown.
    """
    if frame.is_empty():
        raise SourceFailed("the answer has no rows at all")
    if last_good and frame.height < last_good * (1 - most_lost):
        lost = 1 - frame.height / last_good
        raise SourceFailed(
            f"the answer has {frame.height} rows, {lost:.0%} less than the last good one ({last_good}); at most {most_lost:.0%} may be gone"
        )
    if unknown > frame.height * most_unknown:
        raise SourceFailed(
            f"{unknown} of {frame.height} datasets of the answer are not in the inventory; at most {most_unknown:.0%} may be"
        )
    if frame.height > 1:
        for name in frame.columns[1:]:
            values = frame[name].drop_nulls()
            if values.is_empty() or (values == 0).all():
                raise SourceFailed(f"{name} is {'never given' if values.is_empty() else '0 for all datasets'}")
