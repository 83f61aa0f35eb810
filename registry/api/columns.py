"""What the rows of a resource have: each field declared once, from which filters, orders, formats and the documentation derive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
import pyarrow as pa

from inventory.schema import TABLES, Column
from inventory.snapshot import Snapshot

Kind = Literal["text", "choice", "integer", "number", "boolean", "time", "json"]

Derive = Callable[[Snapshot, pl.DataFrame], pl.Series]
"""Values of a field for rows that have the columns that it ``needs``."""

_ARROW: Mapping[Kind, pa.DataType] = {
    "text": pa.string(), "choice": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(),
    "time": pa.timestamp("ms", "UTC"), "json": pa.string(),
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field. ``kind``: times are UTC (seconds in frames, datetimes in the database), json is anything nested.

    ``column``: of the frame, or path of the database's column, that it is; "": ``derive`` makes it of the columns it ``needs``.
    ``reference``: a table whose names the field has, by ids in ``column``. ``filtered``: whether calls may filter and order by it.
    """

    name: str
    kind: Kind
    description: str
    example: Any = None
    unit: str = ""
    nullable: bool = False
    choices: tuple[str, ...] = ()
    column: str = ""
    reference: str = ""
    needs: tuple[str, ...] = ()
    derive: Derive | None = None
    filtered: bool = True

    @property
    def arrow(self) -> pa.Field:
        """The field in Parquet and Arrow."""
        return pa.field(self.name, _ARROW[self.kind])

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table that its values come from."""
        return (self.column,) if self.column else self.needs


Fields = Mapping[str, Field]


def of_table(table: str, *names: str, **examples: Any) -> tuple[Field, ...]:
    """Fields that are columns of the inventory's ``table``, as these are declared; ``examples`` by name."""
    declared = {column.name: column for column in TABLES[table].columns}
    return tuple(_of_column(declared[name], examples.get(name)) for name in names)


def named(name: str, column: str, table: str, description: str, example: str) -> Field:
    """The field ``name``: what the row of ``table`` with the id in ``column`` is called."""
    return Field(name, "text", description, example, column=column, reference=table)


def by_name(*fields: Field) -> dict[str, Field]:
    """The fields in their order."""
    return {field.name: field for field in fields}


def _of_column(column: Column, example: Any) -> Field:
    choices = tuple(column.dtype.categories) if isinstance(column.dtype, pl.Enum) else ()
    kind = "time" if column.unit == "seconds" else _kind(column.dtype)
    return Field(
        column.name, kind, column.description, example, column.unit if kind != "time" else "", column.nullable, choices, column.name,
    )  # fmt: skip


def _kind(dtype: Any) -> Kind:
    if isinstance(dtype, pl.Enum):
        return "choice"
    if dtype == pl.String:
        return "text"
    if dtype == pl.Boolean:
        return "boolean"
    return "number" if dtype == pl.Float64 else "integer"
