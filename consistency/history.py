"""The lists of a check, as Parquet files below the history directory; written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from django.conf import settings

from inventory import parquet
from inventory.errors import InventoryError

LISTS = (
    "missing", "orphans", "mismatched", "unrecoverable", "empty_directories", "unlisted", "spared", "suspects",
    "lost", "copies", "orphan_deletions", "directory_removals",
)  # fmt: skip
"""The first eight are what was found; the last four are what the repair does."""


class NotKept(InventoryError):
    """The wanted list of a check is not there (any more)."""


def directory_of(check: int) -> Path:
    return Path(settings.HISTORY_DIR) / "consistency" / str(check)


def keep(check: int, lists: dict[str, pl.DataFrame]) -> None:
    """Write the lists of a check; they are on the disk when this returns. Raises FrameNotWritten."""
    for name, frame in lists.items():
        parquet.keep(frame, directory_of(check) / f"{name}.parquet")


def kept(check: int, name: str) -> pl.DataFrame:
    """One list of a check that has to be there. Raises :class:`NotKept`, FrameDamaged."""
    frame = read(check, name)
    if frame is None:
        raise NotKept(f"check {check}: its list {name!r} is gone from {directory_of(check)}")
    return frame


def read(check: int, name: str) -> pl.DataFrame | None:
    """One list of a check; None when it was not kept. Raises FrameDamaged."""
    if name not in LISTS:
        raise ValueError(f"no list {name!r}; there are {', '.join(LISTS)}")
    path = directory_of(check) / f"{name}.parquet"
    return parquet.read(path) if path.exists() else None
