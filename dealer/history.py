"""The frames of a cycle, as Parquet files below the history directory; each is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
from django.conf import settings

from dealer.proposals import CONSIDERED, COPIES, PROPOSALS
from dealer.results import Decisions

FRAMES = {"proposals": PROPOSALS, "copies": COPIES, "considered": CONSIDERED}


def directory_of(cycle: int) -> Path:
    """Where a cycle's files are."""
    return Path(settings.HISTORY_DIR) / "dealer" / str(cycle)


def keep(cycle: int, decisions: Decisions) -> None:
    """Write the frames of a cycle; they are on the disk when this returns."""
    directory = directory_of(cycle)
    directory.mkdir(parents=True, exist_ok=True)
    for name in FRAMES:
        part = directory / f"{name}.part"
        getattr(decisions, name).write_parquet(part)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.rename(directory / f"{name}.parquet")
    _sync_directory(directory)


def read(cycle: int, name: str) -> pl.DataFrame:
    """One frame of a cycle, ``proposals``, ``copies`` or ``considered``; empty when it was not kept."""
    path = directory_of(cycle) / f"{name}.parquet"
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=FRAMES[name])


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
