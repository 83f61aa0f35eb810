"""The lists of a check, as Parquet files below the history directory; written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
from django.conf import settings

LISTS = (
    "missing", "orphans", "mismatched", "unrecoverable", "empty_directories", "unlisted", "spared", "suspects",
    "lost", "copies", "orphan_deletions", "directory_removals",
)  # fmt: skip
"""The first eight are what was found; the last four are what the repair does."""


def directory_of(check: int) -> Path:
    return Path(settings.HISTORY_DIR) / "consistency" / str(check)


def keep(check: int, lists: dict[str, pl.DataFrame]) -> None:
    """Write the lists of a check, each by rename of a whole file."""
    directory = directory_of(check)
    directory.mkdir(parents=True, exist_ok=True)
    for name, frame in lists.items():
        part = directory / f"{name}.part"
        frame.write_parquet(part)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.rename(directory / f"{name}.parquet")


def read(check: int, name: str) -> pl.DataFrame | None:
    """One list of a check; None when it was not kept."""
    if name not in LISTS:
        raise ValueError(f"no list {name!r}; there are {', '.join(LISTS)}")
    path = directory_of(check) / f"{name}.parquet"
    return pl.read_parquet(path) if path.exists() else None
