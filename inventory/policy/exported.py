"""An exported inventory as what policies are held against; files one by one are not looked at."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from inventory.errors import ChangeRefused, Problem
from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from inventory.tables_tsv import read_tables

_NOT_NEEDED = ("files", "replica_files", "path_rules")


def read_export(directory: Path) -> Snapshot:
    """What ``inventory export`` wrote, Parquet or TSV. Raises ChangeRefused when it cannot be read."""
    if not (directory / "datasets.parquet").is_file():
        return read_tables(directory).snapshot()
    frames = {}
    for name, table in TABLES.items():
        path = directory / f"{name}.parquet"
        try:
            if name not in _NOT_NEEDED:
                frames[name] = pl.read_parquet(path).select(table.schema.names()).cast(table.schema)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ChangeRefused([Problem(str(path), f"cannot be read: {str(error).splitlines()[0]}")]) from error
    return Snapshot.from_frames(frames)
