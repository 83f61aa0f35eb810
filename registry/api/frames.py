"""Rows of a snapshot's table, or of a frame, as a call wants them: filtered, in order, from a row on. Pure.

In: pieces of a table in the order of its key, unpacked only where the datasets are that the call names. Out: frames in order with the
columns of the fields that are shown, and of the values that a cursor has. Filters on names of datasets, sites and groups are decided
once for each of these, not for each row.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from inventory.packed.numbers import Array
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from registry.api.asked import Asked, Condition, order_names
from registry.api.columns import Field, Fields
from registry.api.cursors import After
from registry.naming import is_glob, matches

_FIRST_DATASETS = 64
_MOST_DATASETS = 4096
_KINDS: Mapping[str, type] = {
    "text": str, "choice": str, "json": str, "integer": int, "time": int, "number": float, "boolean": bool,
}  # fmt: skip
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip

Pieces = Callable[[int], Iterator[pl.DataFrame]]
"""Frames in the order of their key, from that of a dataset on."""


@dataclass(frozen=True)
class Listed:
    """A list to be given in pages or whole.

    ``frames(after, most)``: frames in order behind the row with the values ``after`` (None: from the beginning), made for a
    reader that takes about ``most`` rows. ``order`` says how it is ordered, ``columns`` where the values of a cursor are in
    the frames, ``kinds`` their types.
    """

    frames: Callable[[After | None, int], Iterator[pl.DataFrame]]
    order: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: tuple[type, ...]


def of_table(snapshot: Snapshot, table: str, fields: Fields, asked: Asked, dataset_ids: Array | None = None) -> Listed:
    """Rows of the inventory's ``table``; of some datasets only, if given."""
    named = [one for one in asked.conditions if one.field.reference == "datasets" and one.operator in ("in", "is")]
    for condition in named:
        ids = _datasets(snapshot, condition)
        dataset_ids = ids if dataset_ids is None else np.intersect1d(dataset_ids, ids)
    key = TABLES[table].key
    wanted = (*asked.fields, *(field for field, _ in asked.order), *(one.field for one in asked.conditions))
    columns = tuple(dict.fromkeys((*key, *(column for field in wanted for column in field.columns))))
    pieces = functools.partial(_pieces, snapshot, table, columns, dataset_ids)
    conditions = tuple(one for one in asked.conditions if one not in named)
    return _Selection(snapshot, conditions, asked, key, (int,) * len(key), pieces).listed()


def of_frame(snapshot: Snapshot, rows: pl.DataFrame, asked: Asked, key: Mapping[str, type]) -> Listed:
    """Rows of a frame that was made for the call, in the order of its ``key``, whose columns identify a row."""
    return _Selection(
        snapshot, asked.conditions, asked, tuple(key), tuple(key.values()), lambda _: iter([rows])
    ).listed()


@dataclass(frozen=True)
class _Selection:
    snapshot: Snapshot
    conditions: tuple[Condition, ...]
    asked: Asked
    key: tuple[str, ...]
    key_kinds: tuple[type, ...]
    pieces: Pieces

    def listed(self) -> Listed:
        """As it is given to formats."""
        kinds = tuple(_KINDS[field.kind] for field, _ in self.asked.order)
        names = (*(_ordering(field) for field, _ in self.asked.order), *self.key)
        return Listed(self._frames, tuple(order_names(self.asked.order)), names, (*kinds, *self.key_kinds))

    def _frames(self, after: After | None, most: int) -> Iterator[pl.DataFrame]:
        if self.asked.order:
            yield from self._sorted(after, most)
            return
        since = after[0] if after and self.key[0] == "dataset_id" else 0
        for piece in self.pieces(since):
            rows = self._behind(self._filtered(piece), after)
            if rows.height:
                yield self._shown(rows)

    def _sorted(self, after: After | None, most: int) -> Iterator[pl.DataFrame]:
        """The first rows of all pieces, again and again: what is behind them is never held."""
        while True:
            best: pl.DataFrame | None = None
            for piece in self.pieces(0):
                rows = self._behind(self._with_order(self._filtered(piece)), after)
                best = self._first(rows if best is None else pl.concat([best, rows]), most)
            if best is None or best.is_empty():
                return
            yield self._shown(best)
            if best.height < most:
                return
            after = best.select(*(_ordering(field) for field, _ in self.asked.order), *self.key).row(-1)

    def _first(self, rows: pl.DataFrame, most: int) -> pl.DataFrame:
        names = [*(_ordering(field) for field, _ in self.asked.order), *self.key]
        down = [*(descending for _, descending in self.asked.order), *(False for _ in self.key)]
        # Nothing counts as less than anything.
        return rows.sort(names, descending=down, nulls_last=down).head(most)

    def _with_order(self, rows: pl.DataFrame) -> pl.DataFrame:
        for field, _ in self.asked.order:
            rows = rows.with_columns(self._values(rows, field).alias(_ordering(field)))
        return rows

    def _behind(self, rows: pl.DataFrame, after: After | None) -> pl.DataFrame:
        if after is None:
            return rows
        names = [*(_ordering(field) for field, _ in self.asked.order), *self.key]
        down = [*(descending for _, descending in self.asked.order), *(False for _ in self.key)]
        return rows.filter(behind(names, down, after))

    def _filtered(self, rows: pl.DataFrame) -> pl.DataFrame:
        # What costs least comes first.
        for condition in sorted(self.conditions, key=lambda one: one.field.derive is not None):
            if rows.is_empty():
                break
            field = condition.field
            if field.reference and condition.operator in ("in", "is", "not"):
                ids = _ids(self.snapshot, condition)
                found = pl.col(field.column).is_in(ids.implode())
                rows = rows.filter(~found if condition.operator == "not" else found)
            else:
                rows = rows.filter(holds(condition, self._values(rows, field)))
        return rows

    def _shown(self, rows: pl.DataFrame) -> pl.DataFrame:
        names = [name for name in rows.columns if name.startswith(_ORDER) or name in self.key]
        shown = [self._values(rows, field).alias(field.name) for field in self.asked.fields]
        keys = [rows[name] for name in names if name not in {field.name for field in self.asked.fields}]
        return pl.DataFrame([*shown, *keys])

    def _values(self, rows: pl.DataFrame, field: Field) -> pl.Series:
        return values(self.snapshot, rows, field)


def values(snapshot: Snapshot, rows: pl.DataFrame, field: Field) -> pl.Series:
    """The field of ``rows``, which have the columns that it comes from; choices as texts."""
    if field.reference:
        return names_of(snapshot, field.reference, rows[field.column])
    if field.derive is not None:
        return field.derive(snapshot, rows)
    found = rows[field.column or field.name]
    if field.kind == "choice":
        return found.cast(pl.String)
    return without_nan(found) if field.kind == "number" else found


def without_nan(values: pl.Series) -> pl.Series:
    """No value instead of what is no number."""
    return values.fill_nan(None) if np.isnan(values.to_numpy()).any() else values


_ID = {"datasets": "dataset_id", "sites": "site_id", "groups": "group_id", "partitions": "partition_id"}


def names_of(snapshot: Snapshot, table: str, ids: pl.Series) -> pl.Series:
    """Names of the rows of ``table`` with these ids."""
    key = _ID[table]
    if TABLES[table].chunked:
        known = snapshot.of_datasets(table, ids, key, "name")
    else:
        known = snapshot.frame(table, key, "name")
    return gathered(known[key], known["name"], ids)


def gathered(keys: pl.Series, found: pl.Series, wanted: pl.Series) -> pl.Series:
    """For each of ``wanted`` what ``found`` has where ``keys`` (ascending, unique) is the same; null where that is nowhere."""
    if keys.is_empty():
        return pl.Series(found.name, [None] * len(wanted), dtype=found.dtype)
    known, ids = keys.to_numpy(), wanted.to_numpy()
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    values = found[places]
    same = known[places] == ids
    return values if same.all() else pl.select(pl.when(pl.Series(same)).then(values)).to_series()


def holds(condition: Condition, column: pl.Series) -> pl.Series:
    """Whether the condition is true of each value; of none it is not, except where that is asked for."""
    if condition.operator == "null":
        return column.is_null() if condition.values[0] else column.is_not_null()
    if condition.operator in _COMPARE:
        return _COMPARE[condition.operator](_wide(column), condition.values[0]).fill_null(False)
    found = _any_of(condition, column)
    return ~found if condition.operator == "not" else found


def behind(names: Sequence[str], down: Sequence[bool], after: After) -> pl.Expr:
    """Whether a row comes later than one with the values ``after``; nothing counts as less than anything."""
    found = pl.lit(False)
    for name, descending, value in reversed(list(zip(names, down, after, strict=True))):
        column = pl.col(name)
        if value is None:
            later, same = (pl.lit(False) if descending else column.is_not_null()), column.is_null()
        else:
            later = (column < value).fill_null(True) if descending else (column > value).fill_null(False)
            same = (column == value).fill_null(False)
        found = later | (same & found)
    return found


def _wide(column: pl.Series) -> pl.Series:
    return column.cast(pl.Int64) if column.dtype.is_integer() else column


def _any_of(condition: Condition, column: pl.Series) -> pl.Series:
    wanted = condition.values
    if _has_globs(condition):
        found = pl.DataFrame({"value": column}).select(matches("value", wanted)).to_series()
    elif len(wanted) == 1:
        found = _wide(column) == wanted[0]
    else:
        column = _wide(column)
        found = column.is_in(pl.Series(wanted, dtype=column.dtype).implode())
    return found.fill_null(False)


def _has_globs(condition: Condition) -> bool:
    return condition.field.kind == "text" and condition.operator != "is" and any(map(is_glob, condition.values))


def _ids(snapshot: Snapshot, condition: Condition) -> pl.Series:
    """Ids of what the names and globs of a condition stand for."""
    table = condition.field.reference
    if table == "datasets":
        return pl.Series(_datasets(snapshot, condition))
    known = snapshot.frame(table, _ID[table], "name")
    return known[_ID[table]].filter(_any_of(condition, known["name"]))


def _datasets(snapshot: Snapshot, condition: Condition) -> Array:
    if not _has_globs(condition):
        return np.sort(snapshot.datasets_called(pl.Series(condition.values, dtype=pl.String)).to_numpy())
    known = snapshot.frame("datasets", "dataset_id", "name")
    return known["dataset_id"].filter(_any_of(condition, known["name"])).to_numpy()


def _pieces(
    snapshot: Snapshot, table: str, columns: Sequence[str], dataset_ids: Array | None, since: int
) -> Iterator[pl.DataFrame]:
    if not TABLES[table].chunked:
        yield snapshot.frame(table, *columns)
    elif dataset_ids is None:
        yield from snapshot.pieces(table, *columns, since=since)
    else:
        # A page needs few, a stream all.
        place, number = int(np.searchsorted(dataset_ids, since)), _FIRST_DATASETS
        while place < len(dataset_ids):
            yield snapshot.of_datasets(table, pl.Series(dataset_ids[place : place + number]), *columns)
            place, number = place + number, min(2 * number, _MOST_DATASETS)


_ORDER = "_order "


def _ordering(field: Field) -> str:
    return f"{_ORDER}{field.name}"
