"""One segment of the history: the records from one number to another, as a directory of Parquet files.

``<first>-<last>/`` holds ``records.parquet`` (a row per record), a file per table with the rows that the records put or
deleted, and a manifest with digests. It appears by one rename when everything is on the disk, and never changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from inventory.errors import InventoryError
from inventory.schema import TABLES
from inventory.store import synchronised

RECORDS = "records"
RECORD_SCHEMA = pl.Schema({
    "sequence": pl.Int64, "time": pl.Int64, "author": pl.String, "service": pl.String, "run": pl.String,
    "transaction": pl.String, "epoch": pl.Int64, "token": pl.Int64, "counts": pl.String, "next_ids": pl.String,
})  # fmt: skip
"""A record: ``counts``, ``next_ids`` are JSON."""

_MANIFEST = "manifest.json"
_NAME = re.compile(r"(\d+)-(\d+)")


class HistoryDamaged(InventoryError):
    """Files of the history are not what was written; the text says which, and what to do."""


def row_schema(table: str) -> pl.Schema:
    """Columns of a table's rows in the history: ``deleted`` rows have their key only."""
    return pl.Schema([("sequence", pl.Int64()), ("deleted", pl.Boolean()), *TABLES[table].schema.items()])


def schema_of(name: str) -> pl.Schema:
    """Columns of ``records`` or of a table's rows."""
    return RECORD_SCHEMA if name == RECORDS else row_schema(name)


def stored_schema(name: str) -> pl.Schema:
    """The same on disk: closed vocabularies as text, for they may get further words."""
    return pl.Schema([
        (column, pl.String() if isinstance(dtype, pl.Enum) else dtype) for column, dtype in schema_of(name).items()
    ])  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """Records ``first`` … ``last``; ``files``: rows, bytes and digest by name; ``transaction``: the last record's."""

    directory: Path
    first: int
    last: int
    last_time: int
    transaction: str
    files: Mapping[str, Mapping[str, Any]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(int(file["bytes"]) for file in self.files.values())

    def path(self, name: str) -> Path:
        """The file of ``records`` or a table."""
        return self.directory / f"{name}.parquet"

    def check(self) -> None:
        """Raise HistoryDamaged unless every file is what was written."""
        for name, file in self.files.items():
            if _digest(self.path(name)) != file["digest"]:
                raise _damaged(self.directory, f"{self.path(name).name} has changed since it was written")


def named(directory: Path) -> tuple[int, int] | None:
    """First and last record that a directory's name tells; None: it is no segment."""
    match = _NAME.fullmatch(directory.name)
    return None if match is None else (int(match[1]), int(match[2]))


def opened(directory: Path) -> Segment:
    """The segment in ``directory``; its files are there with the right size (:meth:`Segment.check` reads them).

    Raises HistoryDamaged.
    """
    try:
        manifest = json.loads((directory / _MANIFEST).read_text())
        segment = _segment(directory, manifest)
        wrong = [name for name, file in segment.files.items() if segment.path(name).stat().st_size != file["bytes"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(directory, str(error)) from error
    if manifest.get("digest") != _manifest_digest(manifest) or named(directory) != (segment.first, segment.last):
        raise _damaged(directory, f"{_MANIFEST} has changed since it was written")
    if wrong:
        raise _damaged(directory, f"{wrong[0]}.parquet is cut off")
    return segment


def write(
    parent: Path, first: int, last: int, last_time: int, transaction: str,
    writers: Mapping[str, Callable[[Path], None]],
) -> Segment:  # fmt: skip
    """Make a segment of what ``writers`` write to the paths they are given; nothing is left of a failure. Raises OSError."""
    final = parent / f"{first}-{last}"
    temporary = parent / f".{final.name}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        files = {}
        for name, writer in writers.items():
            path = temporary / f"{name}.parquet"
            writer(path)
            synchronised(path)
            files[name] = {"bytes": path.stat().st_size, "rows": _rows(path), "digest": _digest(path)}
        manifest: dict[str, Any] = {
            "first": first, "last": last, "last_time": last_time, "transaction": transaction, "files": files,
        }  # fmt: skip
        (temporary / _MANIFEST).write_text(json.dumps({**manifest, "digest": _manifest_digest(manifest)}))
        synchronised(temporary / _MANIFEST)
        synchronised(temporary)
        remove(final)
        temporary.rename(final)
        synchronised(parent)
    except (OSError, pl.exceptions.PolarsError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise OSError(f"the history in {parent} cannot be written: {error}") from error
    return _segment(final, manifest)


def remove(directory: Path) -> None:
    """Take a segment away: at once for readers of the directory, whatever dies meanwhile. Raises OSError."""
    if directory.exists():
        gone = directory.with_name(f".{directory.name}.tmp-gone")
        shutil.rmtree(gone, ignore_errors=True)
        os.replace(directory, gone)  # noqa: PTH105 - of directories
        shutil.rmtree(gone, ignore_errors=True)


def _segment(directory: Path, manifest: Mapping[str, Any]) -> Segment:
    first, last, last_time = (int(manifest[name]) for name in ("first", "last", "last_time"))
    return Segment(directory, first, last, last_time, str(manifest["transaction"]), dict(manifest["files"]))


def _rows(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "blake2b").hexdigest()
    except FileNotFoundError:
        return ""


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    content = {name: manifest[name] for name in manifest if name != "digest"}
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _damaged(directory: Path, why: str) -> HistoryDamaged:
    return HistoryDamaged(
        f"segment {directory} of the history: {why}; move it away: the server writes it again as long as the log has its "
        "records, else bring it back from a backup"
    )
