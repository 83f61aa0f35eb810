"""Text of TSV tables to typed frames: fast where all is well, and every mistake with its file and line where it is not.

Nothing here knows what the tables mean; ``tables_tsv.py`` declares them and joins them.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from inventory.errors import ChangeRefused, Problem

MAX_NAME = 512
"""Longest name of anything but a file."""

_MAX_PROBLEMS = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DTYPES: dict[str, pl.DataType] = {
    "name": pl.String(), "choice": pl.String(), "text": pl.String(), "int": pl.Int64(), "index": pl.UInt32(),
    "flag": pl.UInt8(), "float": pl.Float64(), "rank": pl.Float64(),
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One column. ``kind``: name, choice (of ``choices``, any case), text, int (≥ 0), index (of ``target``'s lines), flag (0 or 1),
    float, rank (a float that may be left empty)."""

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    target: str = ""


def read_table(file: str, data: bytes, fields: tuple[Field, ...], *, ended: bool = True) -> pl.DataFrame:
    """The lines of a table, typed; choices in their declared spelling. ``ended``: the last line must have its line end.

    Raises ChangeRefused with the place of every mistake that can be seen without other tables.
    """
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    if ended and data and not data.endswith(b"\n"):
        raise ChangeRefused([Problem(f"{file}:{lines}", "the last line has no line end: the file is truncated")])
    frame = _quick(data, fields)
    if frame is None or frame.height != lines or _has_gaps(frame, fields):
        raise ChangeRefused(list(_mistakes(file, data, fields)) or [Problem(file, "is not a table of text")])
    problems = [problem for field in fields for problem in _bad_values(file, frame, field)]
    if problems:
        raise ChangeRefused(problems)
    return frame.with_columns(_spelt(field) for field in fields if field.kind == "choice")


def _quick(data: bytes, fields: tuple[Field, ...]) -> pl.DataFrame | None:
    schema = {field.name: _DTYPES[field.kind] for field in fields}
    if not data:
        return pl.DataFrame(schema=schema)
    if b"\0" in data:
        return None
    try:
        return pl.read_csv(io.BytesIO(data), has_header=False, separator="\t", quote_char=None, schema=schema)
    except pl.exceptions.PolarsError:
        return None


def _has_gaps(frame: pl.DataFrame, fields: tuple[Field, ...]) -> bool:
    return any(frame[field.name].null_count() for field in fields if field.kind != "rank")


def _bad_values(file: str, frame: pl.DataFrame, field: Field) -> Iterator[Problem]:
    """Values that have the right type and are wrong all the same."""
    column = pl.col(field.name)
    wrong = {
        "name": column.str.contains(_CONTROL.pattern) | (column.str.len_chars() > MAX_NAME),
        "text": column.str.contains(_CONTROL.pattern) | (column.str.len_chars() > MAX_NAME),
        "choice": ~column.str.to_lowercase().is_in([choice.lower() for choice in field.choices]),
        "int": column < 0,
        "flag": column > 1,
        "float": ~column.is_finite(),
        "rank": ~column.is_finite(),
    }.get(field.kind)
    if wrong is None:
        return
    rows = frame.select(pl.int_range(1, pl.len() + 1).alias("line"), column.alias("value"), wrong.alias("wrong"))
    for line, value in rows.filter("wrong").head(_MAX_PROBLEMS).select("line", "value").iter_rows():
        yield Problem(f"{file}:{line}", f"{field.name}: {_what(str(value), field)}")


def _spelt(field: Field) -> pl.Expr:
    spelling = {choice.lower(): choice for choice in field.choices}
    lowered = pl.col(field.name).str.to_lowercase()
    return lowered.replace_strict(spelling, return_dtype=pl.Enum(field.choices))


def _mistakes(file: str, data: bytes, fields: tuple[Field, ...]) -> Iterator[Problem]:
    """The slow way, for tables that are known to be wrong: line by line."""
    found = 0
    for number, raw in enumerate(data.removesuffix(b"\n").split(b"\n"), start=1):
        for what in _line_mistakes(raw, fields):
            yield Problem(f"{file}:{number}", what)
            found += 1
        if found >= _MAX_PROBLEMS:
            return


def _line_mistakes(raw: bytes, fields: tuple[Field, ...]) -> Iterator[str]:
    try:
        values = raw.removesuffix(b"\r").decode().split("\t")
    except UnicodeDecodeError:
        yield f"is not UTF-8: {raw[:60]!r}"
        return
    if len(values) != len(fields):
        expected = ", ".join(field.name for field in fields)
        yield f"{len(values)} columns instead of {len(fields)} ({expected}): {raw[:60]!r}"
        return
    for value, field in zip(values, fields, strict=True):
        if what := _what(value, field):
            yield f"{field.name}: {what}"


def _what(value: str, field: Field) -> str:
    """What is wrong with one value; empty when nothing is."""
    shown = repr(value[:60])
    if not value:
        return "" if field.kind == "rank" else "is empty"
    if _CONTROL.search(value):
        return f"{shown} holds a control character"
    if len(value) > MAX_NAME:
        return f"{shown}… is longer than {MAX_NAME} characters"
    if field.kind == "choice":
        known = {choice.lower() for choice in field.choices}
        return "" if value.lower() in known else f"{shown} is none of {', '.join(field.choices)}"
    if field.kind in ("float", "rank"):
        return "" if _is_number(value) else f"{shown} is not a number"
    if field.kind == "flag":
        return "" if value in ("0", "1") else f"{shown} is neither 0 nor 1"
    limit = 2**32 - 1 if field.kind == "index" else 2**63 - 1
    if field.kind in ("int", "index") and not (value.isascii() and value.isdigit() and int(value) <= limit):
        return f"{shown} is not a whole number from 0 to {limit}"
    return ""


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
