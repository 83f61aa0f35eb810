"""``manage.py inventory query "SELECT …"``: read-only SQL over the newest version."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser
from typing import Any, TextIO

import polars as pl

from inventory.history import times
from inventory.schema import TABLES
from inventory.sql import query

HELP = f"Run one SELECT (DuckDB's SQL) over the inventory. Tables: {', '.join(TABLES)}."


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("sql", metavar="SQL")
    parser.add_argument("--limit", type=int, help="at most so many rows")
    times.add_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a list of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated values with a header")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Print the rows."""
    most = None if options["limit"] is None else max(0, options["limit"])
    rows = query(times.chosen(options), options["sql"], most)
    if options["json"]:
        out.write(
            json.dumps([{key: _plain(value) for key, value in row.items()} for row in rows.to_dicts()], default=str)
        )
    elif options["csv"]:
        out.write(_flat(rows).write_csv().rstrip("\n"))
    else:
        with pl.Config(
            tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=1000, tbl_width_chars=10_000, tbl_hide_dataframe_shape=True
        ):
            out.write(str(rows))


def _plain(value: Any) -> Any:
    """Numbers that JSON does not have become null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(rows: pl.DataFrame) -> pl.DataFrame:
    """Lists and the like as text: CSV has neither."""
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested() or dtype == pl.Binary]
    return rows.with_columns(
        pl.Series(name, [str(value) for value in rows[name].to_list()], pl.String) for name in nested
    )
