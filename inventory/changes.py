"""Change sets: what a writer asks of the inventory, in names, validated and applied as a whole by the server.

The image speaks in ids, change sets speak in names, so that a writer can speak of things that do not exist yet.
``NAMED`` declares the columns of each table in a change set; ``KEYS`` those that identify a row.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from inventory.errors import ChangeRefused, Problem
from inventory.schema import TABLES

_NAMES = {
    "dataset_id": "dataset", "block_id": "block", "site_id": "site", "group_id": "group",
    "partition_id": "partition", "file_id": "lfn",
}  # fmt: skip
_OWN_ID = {
    "groups": "group_id", "sites": "site_id", "partitions": "partition_id", "datasets": "dataset_id", "blocks": "block_id",
}  # fmt: skip


def _named_schema(table: str) -> pl.Schema:
    columns: dict[str, Any] = {}
    for name, dtype in TABLES[table].schema.items():
        if name == _OWN_ID.get(table) or (table == "files" and name in ("directory", "base_name")):
            continue
        columns[_NAMES.get(name, name)] = pl.String if name in _NAMES else dtype
    return pl.Schema(columns)


NAMED: dict[str, pl.Schema] = {table: _named_schema(table) for table in TABLES}
"""Columns of each table in a change set, e.g. block_replicas: dataset, block, site, group, custodial, size, …"""

KEYS: dict[str, tuple[str, ...]] = {
    "groups": ("name",), "sites": ("name",), "partitions": ("name",), "datasets": ("name",),
    "path_rules": ("site", "protocol", "position"), "quotas": ("site", "partition"), "blocks": ("dataset", "name"),
    "files": ("dataset", "block", "lfn"), "dataset_replicas": ("dataset", "site"),
    "block_replicas": ("dataset", "block", "site"), "replica_files": ("dataset", "block", "site", "lfn"),
}  # fmt: skip

Rows = pl.DataFrame | Sequence[Mapping[str, Any]]


@dataclass
class ChangeSet:
    """Rows to put (insert or change) and to delete, by table, with who sends them.

    ``author``: user; ``service``: what acted for the user; ``run``: number of the run; ``token``: fencing token of the
    writer's turn; ``transaction``: id by which a repeated send is recognised.
    """

    author: str
    token: int
    service: str = ""
    run: str = ""
    transaction: str = field(default_factory=lambda: uuid.uuid4().hex)
    puts: dict[str, pl.DataFrame] = field(default_factory=dict)
    deletes: dict[str, pl.DataFrame] = field(default_factory=dict)

    def put(self, table: str, rows: Rows) -> ChangeSet:
        """Insert or change rows. A column that is absent or null keeps its value (new rows: the default)."""
        self.puts[table] = _joined(self.puts.get(table), _frame(table, rows, NAMED[table]))
        return self

    def delete(self, table: str, rows: Rows) -> ChangeSet:
        """Delete rows by key, with all that depends on them. Rows that do not exist are passed over."""
        schema = pl.Schema({name: NAMED[table][name] for name in KEYS[table]})
        if isinstance(rows, pl.DataFrame):
            rows = rows.select(name for name in schema if name in rows.columns)
        self.deletes[table] = _joined(self.deletes.get(table), _frame(table, rows, schema))
        return self

    def is_empty(self) -> bool:
        return all(frame.is_empty() for frame in (*self.puts.values(), *self.deletes.values()))


def _joined(old: pl.DataFrame | None, new: pl.DataFrame) -> pl.DataFrame:
    return new if old is None else pl.concat([old, new], how="diagonal")


def _frame(table: str, rows: Rows, schema: pl.Schema) -> pl.DataFrame:
    """``rows`` with the types of ``schema``; raises :class:`ChangeRefused` naming the row and column that do not fit."""
    given = rows.columns if isinstance(rows, pl.DataFrame) else {name for row in rows for name in row}
    wrong = sorted(set(given) - set(schema))
    if wrong:
        known = ", ".join(schema)
        raise ChangeRefused([Problem(table, f"no column {name!r}; there are {known}") for name in wrong])
    lacking = [name for name in KEYS[table] if name not in given]
    if lacking and len(rows):
        raise ChangeRefused([Problem(table, f"column {name!r} is missing") for name in lacking])
    if isinstance(rows, pl.DataFrame):
        return _cast(table, rows, schema)
    present = {name: schema[name] for name in schema if name in given}
    try:
        return pl.DataFrame(list(rows), schema=present, orient="row", strict=True)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        problems = [problem for number, row in enumerate(rows) for problem in _wrong_values(table, number, row, schema)]
        raise ChangeRefused(problems or [Problem(table, "rows of unlike types")]) from None


def _cast(table: str, rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    problems = []
    for name in rows.columns:
        try:
            rows = rows.with_columns(pl.col(name).cast(schema[name]))
        except pl.exceptions.PolarsError as error:
            problems.append(Problem(f"{table}.{name}", str(error).splitlines()[0]))
    if problems:
        raise ChangeRefused(problems)
    return rows


def _wrong_values(table: str, number: int, row: Mapping[str, Any], schema: pl.Schema) -> list[Problem]:
    problems = []
    for name, value in row.items():
        try:
            pl.Series([value], dtype=schema[name], strict=True)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            problems.append(Problem(f"{table}, row {number + 1}", f"{name}: {value!r} is not {schema[name]}"))
    return problems
