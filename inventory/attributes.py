"""Attributes of datasets that other systems tell (ranks, accesses), from a CSV or Parquet file.

The file has a column ``dataset`` and some of ATTRIBUTES, with a header line. Datasets that the inventory does not have are passed over.
"""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from inventory.errors import ChangeRefused, Problem
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

ATTRIBUTES = ("usage_rank", "num_access", "last_access", "demand_rank")
_LARGEST = 2**53
_SHOWN = 50


def read_attributes(path: Path) -> pl.DataFrame:
    """The file's rows: dataset and the attributes that it has, typed. Raises ChangeRefused with file and line of every mistake."""
    frame = _read(path)
    known = {"dataset", *ATTRIBUTES}
    problems = [
        Problem(str(path), f"unknown column {name[:60]!r}; there are {', '.join(sorted(known))}")
        for name in frame.columns
        if name not in known
    ]
    if "dataset" not in frame.columns:
        problems.append(Problem(str(path), "has no column 'dataset'"))
    elif frame.width == 1:
        problems.append(Problem(str(path), f"has none of the columns {', '.join(ATTRIBUTES)}"))
    if problems:
        raise ChangeRefused(problems)
    typed = frame.select(pl.col(name).cast(_dtype(name), strict=False) for name in frame.columns)
    problems = [problem for name in typed.columns for problem in _wrong(path, frame[name], typed[name])]
    if problems:
        raise ChangeRefused(problems)
    return typed


def known_rows(snapshot: Snapshot, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a change set for ``datasets``: those of ``rows`` whose dataset the inventory has."""
    names = snapshot.table("datasets").select("name").collect()
    return rows.rename({"dataset": "name"}).join(names, on="name", how="semi", maintain_order="left")


def _dtype(name: str) -> pl.DataType:
    return pl.String() if name == "dataset" else TABLES["datasets"].schema[name]


def _read(path: Path) -> pl.DataFrame:
    try:
        data = path.read_bytes()
        if path.suffix == ".parquet":
            return pl.read_parquet(io.BytesIO(data))
        return pl.read_csv(io.BytesIO(data), infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ChangeRefused([Problem(str(path), f"cannot be read: {str(error).splitlines()[0]}")]) from error


def _wrong(path: Path, given: pl.Series, typed: pl.Series) -> list[Problem]:
    """Values that are missing, of another type, out of range or, for datasets, there twice."""
    value = pl.col("typed")
    if given.name == "dataset":
        wrong = value.is_null() | value.is_duplicated()
        what = "is missing or there twice"
    elif typed.dtype.is_float():
        wrong = (value.is_null() & pl.col("given").is_not_null()) | ~value.is_finite()
        what = "is not a number"
    else:
        wrong = (value.is_null() & pl.col("given").is_not_null()) | (value < 0) | (value > _LARGEST)
        what = f"is not a whole number from 0 to {_LARGEST}"
    rows = pl.DataFrame({"given": given.cast(pl.String), "typed": typed}).with_row_index("line", 2)
    found = rows.filter(wrong).select("line", "given").head(_SHOWN)
    where = "row" if path.suffix == ".parquet" else ""
    return [
        Problem(f"{path}:{where}{line}", f"{given.name}: {str(shown)[:60]!r} {what}")
        for line, shown in found.iter_rows()
    ]
