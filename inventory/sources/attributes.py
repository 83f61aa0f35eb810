"""Attributes of datasets as frames: typed, without mistakes, and what of them is new to the inventory.

A table has a column ``dataset`` and some of ATTRIBUTES. Datasets that the inventory does not have are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from inventory.errors import ChangeRefused, Problem
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from inventory.sources.reading import format_of, parse, read_bytes

ATTRIBUTES = ("usage_rank", "num_access", "last_access", "demand_rank")
MOST_BYTES = 2**30
"""Largest file or answer that is read."""
_LARGEST = 2**53
_LONGEST_NAME = 1000
_SHOWN = 50


def read_attributes(path: Path) -> pl.DataFrame:
    """The file's rows: dataset and the attributes that it has, typed. Raises ChangeRefused with file and line of every mistake."""
    kind = format_of(path)
    return typed(parse(read_bytes(path, MOST_BYTES), kind, str(path)), str(path))


def typed(frame: pl.DataFrame, where: str, columns: Mapping[str, str] | None = None) -> pl.DataFrame:
    """A frame of ``reading.parse`` as dataset and attributes. ``columns``: what ours are called there; all others are then left out.

    Raises ChangeRefused: unknown or missing columns, values of another type, datasets that are missing or there twice.
    """
    if columns:
        missing = [theirs for theirs in columns.values() if theirs not in frame.columns]
        if missing:
            raise ChangeRefused([Problem(where, f"has no column {name[:60]!r}") for name in missing])
        frame = frame.select("line", *(pl.col(theirs).alias(ours) for ours, theirs in columns.items()))
    known = {"dataset", *ATTRIBUTES}
    given = [name for name in frame.columns if name != "line"]
    problems = [
        Problem(where, f"unknown column {name[:60]!r}; there are {', '.join(sorted(known))}")
        for name in given
        if name not in known
    ]
    if "dataset" not in given:
        problems.append(Problem(where, "has no column 'dataset'"))
    elif len(given) == 1:
        problems.append(Problem(where, f"has none of the columns {', '.join(ATTRIBUTES)}"))
    if problems:
        raise ChangeRefused(problems)
    if nested := [name for name in given if frame.schema[name].is_nested()]:
        raise ChangeRefused([Problem(where, f"{name}: has lists or objects, not values") for name in nested])
    found = frame.select(pl.col(name).cast(_dtype(name), strict=False) for name in given)
    problems = [problem for name in given for problem in _wrong(where, frame["line"], frame[name], found[name])]
    if problems:
        raise ChangeRefused(problems)
    return found


def known_rows(snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a change set for ``datasets``: those of ``rows`` whose dataset the inventory has."""
    names = snapshot.table("datasets").select("name").collect()
    return rows.rename({"dataset": "name"}).join(names, on="name", how="semi", maintain_order="left")


def changed_rows(snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    """Those of ``known_rows`` that tell something that the inventory does not say already; a null tells nothing."""
    names = [name for name in rows.columns if name != "dataset"]
    present = snapshot.table("datasets").select("name", *(pl.col(name).alias(f"present {name}") for name in names))
    both = known_rows(snapshot, rows).join(present.collect(), on="name", how="left", maintain_order="left")
    news = [pl.col(name).is_not_null() & pl.col(name).ne_missing(pl.col(f"present {name}")) for name in names]
    return both.filter(pl.any_horizontal(news)).select("name", *names)


def _dtype(name: str) -> pl.DataType:
    return pl.String() if name == "dataset" else TABLES["datasets"].schema[name]


def _wrong(where: str, lines: pl.Series, given: pl.Series, found: pl.Series) -> list[Problem]:
    """Values that are missing, of another type, out of range or, for datasets, there twice."""
    value = pl.col("found")
    if given.name == "dataset":
        wrong = value.is_null() | value.is_duplicated() | value.str.contains("\0", literal=True)
        wrong = wrong | (value.str.len_chars() > _LONGEST_NAME)
        what = f"is missing or there twice, or has a NUL byte or more than {_LONGEST_NAME} characters"
    elif found.dtype.is_float():
        wrong = (value.is_null() & pl.col("given").is_not_null()) | ~value.is_finite()
        what = "is not a number"
    else:
        fraction = given.dtype.is_float()
        wrong = (value.is_null() & pl.col("given").is_not_null()) | (value < 0) | (value > _LARGEST)
        if fraction:
            wrong = wrong | (pl.col("given").cast(pl.Float64, strict=False) != value)
        what = f"is not a whole number from 0 to {_LARGEST}"
    if given.dtype == pl.Boolean and given.name != "dataset":
        wrong = pl.lit(True)
    rows = pl.DataFrame({"line": lines, "given": given.cast(pl.String, strict=False), "found": found})
    bad = rows.filter(wrong).select("line", "given").head(_SHOWN)
    return [Problem(f"{where}:{line}", f"{given.name}: {str(shown)[:60]!r} {what}") for line, shown in bad.iter_rows()]
