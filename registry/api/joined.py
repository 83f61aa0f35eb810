"""Lists of rows of which some have left the database for files, found there by the same filters and in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db.models import QuerySet

from registry.api.asked import Asked, Condition
from registry.api.columns import Field
from registry.api.cursors import After
from registry.api.frames import Listed, behind, holds
from registry.api.rows import TYPES, of_rows, shown_series

_MICROSECONDS = 1_000_000

Kept = Callable[[Asked, int | None], Iterator[tuple[int, pl.LazyFrame]]]
"""Frames with ``id`` and a column for each field, of rows that may be wanted (with numbers below one that is given), each after
the largest number in it, descending. Times are UTC with microseconds, nested values JSON or lists of texts."""


@dataclass(frozen=True)
class Joined:
    """Rows of the database, and those that left it."""

    rows: QuerySet[Any]
    kept: Kept

    def listed(self, asked: Asked) -> Listed:
        """Both as the call wants them."""
        return _Joined(of_rows(self.rows, asked), self.kept, asked).listed()


@dataclass(frozen=True)
class _Joined:
    first: Listed
    kept: Kept
    asked: Asked

    def listed(self) -> Listed:
        return Listed(self._frames, self.first.order, self.first.columns, self.first.kinds)

    @property
    def _down(self) -> list[bool]:
        # As rows are ordered: the newest first, unless an order is given.
        return [*(descending for _, descending in self.asked.order), not self.asked.order]

    def _frames(self, after: After | None, most: int) -> Iterator[pl.DataFrame]:
        while True:
            # The database first: what leaves it meanwhile is in a file by then, and found twice rather than never.
            parts = list(_up_to(self.first.frames(after, most), most))
            best = self._sorted(parts, most)
            for last, frame in self.kept(self.asked, None if self.asked.order or after is None else int(after[-1])):
                if not self.asked.order and best is not None and best.height == most and last < best[-1, _KEY]:
                    break
                best = self._sorted([*([] if best is None else [best]), self._filtered(frame, after)], most)
            if best is None or best.is_empty():
                return
            yield best
            if best.height < most:
                return
            after = best.select(self.first.columns).row(-1)

    def _sorted(self, parts: list[pl.DataFrame], most: int) -> pl.DataFrame | None:
        if not parts:
            return None
        rows = pl.concat(parts).unique(_KEY, keep="first", maintain_order=True)
        return rows.sort(self.first.columns, descending=self._down, nulls_last=self._down).head(most)

    def _filtered(self, frame: pl.LazyFrame, after: After | None) -> pl.DataFrame:
        ordered = [field for field, _ in self.asked.order]
        wanted = [*self.asked.fields, *ordered, *(one.field for one in self.asked.conditions)]
        rows = frame.select(list(dict.fromkeys(["id", *(field.name for field in wanted)]))).collect()
        for condition in self.asked.conditions:
            rows = rows.filter(_holds(condition, rows[condition.field.name]))
        shown = [_shown(field, rows[field.name]).alias(field.name) for field in self.asked.fields]
        keys = [_comparable(field, rows[field.name]).alias(f"_order {field.name}") for field in ordered]
        found = pl.DataFrame([*shown, *keys, rows["id"].alias(_KEY)])
        return found if after is None else found.filter(behind(self.first.columns, self._down, after))


_KEY = "pk"


def _up_to(frames: Iterator[pl.DataFrame], most: int) -> Iterator[pl.DataFrame]:
    for frame in frames:
        yield frame.head(most)
        most -= frame.height
        if most <= 0:
            return


def _holds(condition: Condition, column: pl.Series) -> pl.Series:
    field = condition.field
    if field.kind == "time" and condition.operator != "null":
        values = tuple(value * _MICROSECONDS for value in condition.values)
        condition = Condition(field, condition.operator, values)
    return holds(condition, _comparable(field, column))


def _comparable(field: Field, column: pl.Series) -> pl.Series:
    return column.dt.epoch("us") if field.kind == "time" else column.cast(TYPES[field.kind][1])


def _shown(field: Field, column: pl.Series) -> pl.Series:
    if field.kind == "time":
        return column.dt.epoch("s")
    if field.kind == "json" and column.dtype != pl.String:
        return shown_series(field, column.to_list())
    return column.cast(TYPES[field.kind][1])
