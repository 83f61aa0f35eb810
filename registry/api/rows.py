"""Rows of the database as lists: filtered, in order, from a row on; the same calls as for the inventory's tables in ``frames.py``.

In: a query set, and fields whose ``column`` is a column's path (``job__task``) or which are derived of a frame that has what they
need. Out: frames in order, made in pieces. Without an order the newest rows come first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from django.db.models import Model, Q, QuerySet

from inventory.snapshot import Snapshot
from registry.api import asked as asking
from registry.api.asked import Asked, Condition, order_names, shown_json
from registry.api.columns import Field, Fields
from registry.api.cursors import After
from registry.api.formats import json_rows
from registry.api.frames import Listed
from registry.naming import is_glob, regex

TYPES: Mapping[str, tuple[type, Any]] = {
    "text": (str, pl.String), "choice": (str, pl.String), "json": (str, pl.String), "integer": (int, pl.Int64),
    "time": (int, pl.Int64), "number": (float, pl.Float64), "boolean": (bool, pl.Boolean),
}  # fmt: skip
"""Of cursors and of frames, by kind of field."""
_KEY = "pk"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_PIECE = 5000
_NOWHERE = Snapshot.from_frames({})
"""Derived fields of rows need no inventory."""


def of_rows(rows: QuerySet[Any], asked: Asked) -> Listed:
    """The rows as the call wants them."""
    chosen = rows
    for condition in asked.conditions:
        chosen = chosen.filter(_holds(condition))
    order = [(f"_order {field.name}", field, descending) for field, descending in asked.order]
    selection = _Selection(chosen, asked.fields, tuple(order))
    kinds = tuple(TYPES[field.kind][0] for _, field, _ in order)
    return Listed(
        selection.frames, tuple(order_names(asked.order)), (*(name for name, _, _ in order), _KEY), (*kinds, int)
    )


def row_of(row: Model, fields: Fields) -> dict[str, Any]:
    """One row of the database as plain data, as lists show it."""
    chosen = type(row)._base_manager.filter(pk=row.pk)
    found = next(of_rows(chosen, Asked(fields=tuple(fields.values()))).frames(None, 1))
    shown: dict[str, Any] = json.loads(json_rows(found, tuple(fields.values())))[0]
    return shown


@dataclass(frozen=True)
class _Selection:
    rows: QuerySet[Any]
    fields: tuple[Field, ...]
    order: tuple[tuple[str, Field, bool], ...]

    def frames(self, after: After | None, most: int) -> Iterator[pl.DataFrame]:
        """Pieces of the list behind ``after``; each is a query of its own, so that a long list holds nothing open."""
        piece = min(most, _LONGEST_PIECE)
        while True:
            found = self.rows if after is None else self.rows.filter(self._behind(after))
            frame = self._frame(list(found.order_by(*self._by()).values_list(*self._columns())[:piece]))
            if frame.height:
                yield frame
            if frame.height < piece:
                return
            after = frame.select(*(name for name, _, _ in self.order), _KEY).row(-1)

    def _by(self) -> list[str]:
        named = [f"-{field.column}" if descending else field.column for _, field, descending in self.order]
        return [*named, "pk" if named else "-pk"]

    def _columns(self) -> list[str]:
        wanted = (*self.fields, *(field for _, field, _ in self.order))
        return [_KEY, *dict.fromkeys(column for field in wanted for column in field.columns if column != _KEY)]

    def _frame(self, values: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
        columns = (
            dict(zip(self._columns(), zip(*values, strict=True), strict=True))
            if values
            else dict.fromkeys(self._columns(), ())
        )
        raw = pl.DataFrame({"pk": list(columns["pk"]), "id": list(columns["pk"])}, {"pk": pl.Int64, "id": pl.Int64})
        shown = [self._shown(raw, columns, field).alias(field.name) for field in self.fields]
        ordered = [_ordering(field, columns[field.column]).alias(name) for name, field, _ in self.order]
        return pl.DataFrame([*shown, *ordered, raw[_KEY]])

    def _shown(self, raw: pl.DataFrame, columns: Mapping[str, Sequence[Any]], field: Field) -> pl.Series:
        if field.derive is not None:
            return field.derive(_NOWHERE, raw)
        return shown_series(field, columns[field.column])

    def _behind(self, after: After) -> Q:
        """What comes later than a row with these values; nothing counts as less than anything."""
        number = after[-1]
        found = Q(pk__gt=number) if self.order else Q(pk__lt=number)
        for (_, field, descending), value in reversed(list(zip(self.order, after, strict=False))):
            column, given = field.column, _moment(value) if field.kind == "time" and value is not None else value
            if given is None:
                later = Q(pk__in=()) if descending else Q(**{f"{column}__isnull": False})
                found = later | (Q(**{f"{column}__isnull": True}) & found)
            else:
                later = Q(**{f"{column}__{'lt' if descending else 'gt'}": given})
                if descending and field.nullable:
                    later |= Q(**{f"{column}__isnull": True})
                found = later | (Q(**{column: given}) & found)
        return found


def _holds(condition: Condition) -> Q:
    column, values = condition.field.column, condition.values
    if condition.operator == "null":
        return Q(**{f"{column}__isnull": values[0]})
    if condition.operator in ("in", "not"):
        return ~_any_of(condition.field, values) if condition.operator == "not" else _any_of(condition.field, values)
    look_up = {"gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}[condition.operator]
    return Q(**{f"{column}__{look_up}": _stored(condition.field, values[0])})


def _any_of(field: Field, values: Sequence[Any]) -> Q:
    globs = [value for value in values if field.kind == "text" and is_glob(value)]
    found = Q(**{f"{field.column}__in": [_stored(field, value) for value in values]})
    for glob in globs:
        found |= Q(**{f"{field.column}__regex": f"^{regex(glob)}$"})
    return found


def _stored(field: Field, value: Any) -> Any:
    """A value as the database has it."""
    if field.kind != "time" or value is None:
        return value
    return datetime.fromtimestamp(value, UTC)


def _moment(microseconds: int) -> datetime:
    """A time of a cursor; Invalid for one that no cursor of ours has."""
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise asking.wrong("cursor", "this is no cursor; take it from the field next of the page before") from None


def _ordering(field: Field, values: Sequence[Any]) -> pl.Series:
    """Values for a cursor: of times microseconds, as two rows of the same second are not the same."""
    if field.kind != "time":
        return shown_series(field, values)
    return pl.Series(
        [None if value is None else (value - _EPOCH) // timedelta(microseconds=1) for value in values], dtype=pl.Int64
    )


def shown_series(field: Field, values: Sequence[Any]) -> pl.Series:
    """Values of the database as frames have them: times as UTC seconds, nested ones as JSON."""
    if field.kind == "time":
        values = [None if value is None else int(value.timestamp()) for value in values]
    elif field.kind == "json":
        values = [None if value is None else shown_json(value) for value in values]
    return pl.Series(field.name, list(values), TYPES[field.kind][1])


def of_model(model: type[Model], *names: str, **examples: Any) -> tuple[Field, ...]:
    """Fields that are columns of ``model`` of the same names, described as it describes them."""
    return tuple(column(model, name, example=examples.get(name)) for name in names)


def column(
    model: type[Model], path: str, name: str = "", description: str = "", example: Any = None, **more: Any
) -> Field:
    """The field ``name`` that is the column at ``path`` from ``model``."""
    declared = _declared(model, path)
    kind = _kind(declared)
    choices = tuple(str(value) for value, _ in declared.choices or ()) if kind == "choice" else ()
    if choices and declared.blank and "" not in choices:
        choices = (*choices, "")
    if example is None and not declared.null:
        example = choices[0] if choices else _EXAMPLES.get(path, _EXAMPLE_OF[kind])
    says = description or str(declared.help_text or declared.verbose_name)
    return Field(name or path, kind, says, example, nullable=declared.null, choices=choices, column=path,
                 **{"filtered": kind != "json", **more})  # fmt: skip


def _declared(model: Any, path: str) -> Any:
    *way, last = path.split("__")
    for step in way:
        model = model._meta.get_field(step).related_model
    return model._meta.pk if last == "pk" else model._meta.get_field(last)


_EXAMPLE_OF = {
    "text": "",
    "choice": "",
    "integer": 1,
    "number": 1.0,
    "boolean": False,
    "time": 1_900_000_000,
    "json": {},
}
_EXAMPLES = {
    "user": "ann", "author": "ann", "site": "T2_CH_CERN", "group": "AnalysisOps", "item": "/Big/Run-v1/RAW", "partition": "Physics",
    "dataset": "/Big/Run-v1/RAW", "lfn": "/store/big/1.root", "application": "detox", "site_patterns": ["T2_*"],
}  # fmt: skip
_KINDS = (
    ("JSONField", "json"), ("DateTimeField", "time"), ("BooleanField", "boolean"), ("FloatField", "number"),
    ("CharField", "text"), ("TextField", "text"), ("SlugField", "text"),
)  # fmt: skip


def _kind(declared: Any) -> Any:
    internal = declared.get_internal_type()
    found = dict(_KINDS).get(internal, "integer")
    return "choice" if found == "text" and declared.choices and internal == "CharField" else found
