"""Tables from other systems, as frames of what is written in them; types are for the caller to check.

CSV has a header line; all its columns are text. JSON is a list of objects, or one object a line (``.jsonl``).
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import polars as pl

from inventory.errors import ChangeRefused, Problem

FORMATS = {".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".json": "json"}
_FIRST_ROW = {"csv": 2, "parquet": 1, "jsonl": 1, "json": 1}


def read_bytes(path: Path, most: int) -> bytes:
    """The content of a file of at most ``most`` bytes. Raises ChangeRefused."""
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise ChangeRefused([Problem(str(path), f"cannot be read: {error.strerror or error}")]) from error
    if len(data) > most:
        raise ChangeRefused([Problem(str(path), f"has more than {most} bytes")])
    return data


def format_of(path: Path) -> str:
    """The format that the name's ending stands for; CSV for endings that say nothing."""
    return FORMATS.get(path.suffix, "csv")


def parse(data: bytes, kind: str, where: str) -> pl.DataFrame:
    """The rows with their ``line`` (csv, jsonl) or number as last column. Raises ChangeRefused where they cannot be read as ``kind``."""
    if kind != "parquet" and b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise ChangeRefused([Problem(f"{where}:{line}", "has a NUL byte")])
    try:
        frame = _parse(data, kind)
    except json.JSONDecodeError as error:
        raise ChangeRefused([Problem(f"{where}:{error.lineno}:{error.colno}", f"is not JSON: {error.msg}")]) from error
    except (pl.exceptions.PolarsError, ValueError, TypeError, OverflowError, RecursionError) as error:
        told = str(error).splitlines()[0] if str(error) else "it is empty"
        raise ChangeRefused([Problem(where, f"cannot be read as {kind}: {told}")]) from error
    frame = frame.with_row_index("line", _FIRST_ROW[kind])
    if kind == "csv":
        _check_end(data, frame.width - 1, where)
    return frame


def _check_end(data: bytes, width: int, where: str) -> None:
    """Raise ChangeRefused where the last line has fewer columns than the first: the file is cut off."""
    lines = data.rstrip(b"\r\n").count(b"\n") + 1
    last = data.rstrip(b"\r\n").rpartition(b"\n")[2].decode(errors="replace")
    found = len(next(csv.reader([last]), [])) if len(last) < csv.field_size_limit() else width
    if found < width:
        raise ChangeRefused([Problem(f"{where}:{lines}", f"has {found} columns of {width}; is the file cut off?")])


def _parse(data: bytes, kind: str) -> pl.DataFrame:
    if kind == "parquet":
        return pl.read_parquet(io.BytesIO(data))
    if kind == "csv":
        return pl.read_csv(io.BytesIO(data), infer_schema=False)
    if kind == "jsonl":
        return pl.read_ndjson(io.BytesIO(data), infer_schema_length=None) if data.strip() else pl.DataFrame()
    return frame_of(json.loads(data))


def frame_of(rows: Any) -> pl.DataFrame:
    """A list of objects with plain values as a frame. Raises ValueError."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it is not a list of objects")
    for number, row in enumerate(rows, 1):
        for name, value in row.items():
            if isinstance(value, list | dict):
                raise ValueError(f"row {number}: {str(name)[:60]} is a {type(value).__name__}, not a value")
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame({str(name): pl.Series([row.get(name) for row in rows], strict=False) for name in names})
