"""``manage.py inventory query "SELECT …"``: read-only SQL over the newest version, or one of the past."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from inventory.errors import InventoryError
from inventory.history import times
from inventory.parquet import keep_as
from inventory.progress import waiting
from inventory.schema import TABLES
from inventory.spreadsheets import written
from inventory.sql import Bounds, QueryError, query
from inventory.subcommands import count

HELP = f"Run one SELECT (DuckDB's SQL) over the inventory. Tables: {', '.join(TABLES)}."


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("sql", metavar="SQL")
    parser.add_argument("--limit", type=count, help="at most so many rows")
    parser.add_argument(
        "--seconds", type=float, default=Bounds.seconds, help="end the query after so long (default: %(default)g)"
    )
    times.add_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated values with a header")
    form.add_argument("--parquet", type=Path, metavar="FILE", help="write a new Parquet file")
    form.add_argument("--arrow", type=Path, metavar="FILE", help="write a new Arrow file")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Print or write the rows."""
    file = options["parquet"] or options["arrow"]
    if file is not None and file.exists():
        raise InventoryError(f"{file} exists; choose another name")
    if not 0 < options["seconds"] < math.inf:
        raise QueryError(f"--seconds {options['seconds']}: a number above 0 is expected")
    most = None if options["limit"] is None else max(0, options["limit"])
    snapshot = times.chosen(options)
    with waiting("running the query"):
        rows = query(snapshot, options["sql"], most, Bounds(seconds=options["seconds"]))
    if file is not None:
        keep_as("parquet" if options["parquet"] else "arrow", rows, file)
        out.write(f"{rows.height} rows in {file}")
    elif options["json"]:
        plain = [{key: _plain(value) for key, value in row.items()} for row in rows.iter_rows(named=True)]
        out.write(json.dumps(plain, default=str))
    elif options["csv"]:
        out.write(written(_flat(rows)).rstrip("\n"))
    else:
        out.write(_drawn(rows))


def _drawn(rows: pl.DataFrame) -> str:
    with pl.Config(
        tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=1000, tbl_width_chars=10_000, tbl_hide_dataframe_shape=True
    ):
        return str(rows)


def _plain(value: Any) -> Any:
    """Numbers that JSON does not have become null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Lists and the like as text: CSV has neither."""
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested() or dtype == pl.Binary]
    return rows.with_columns(
        pl.Series(name, [str(value) for value in rows[name].to_list()], pl.String) for name in nested
    )
