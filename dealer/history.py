"""The frames of a cycle, as Parquet files below the history directory; each is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from django.conf import settings

from dealer.proposals import CONSIDERED, COPIES, PROPOSALS
from dealer.results import Decisions
from inventory import parquet
from inventory.errors import InventoryError

FRAMES = {"proposals": PROPOSALS, "copies": COPIES, "considered": CONSIDERED}


def directory_of(cycle: int) -> Path:
    """Where a cycle's files are."""
    return Path(settings.HISTORY_DIR) / "dealer" / str(cycle)


def keep(cycle: int, decisions: Decisions) -> None:
    """Write the frames of a cycle; they are on the disk when this returns. Raises FrameNotWritten."""
    for name in FRAMES:
        parquet.keep(getattr(decisions, name), directory_of(cycle) / f"{name}.parquet")


class NotKept(InventoryError):
    """The wanted frame of a cycle is not there (any more)."""


def kept(cycle: int, name: str) -> pl.DataFrame:
    """One frame of a cycle that has to be there. Raises :class:`NotKept`, FrameDamaged."""
    if not (directory_of(cycle) / f"{name}.parquet").exists():
        raise NotKept(f"cycle {cycle}: its {name} are not kept in {directory_of(cycle)}")
    return read(cycle, name)


def read(cycle: int, name: str) -> pl.DataFrame:
    """One frame of a cycle, ``proposals``, ``copies`` or ``considered``; empty when it was not kept. Raises FrameDamaged."""
    path = directory_of(cycle) / f"{name}.parquet"
    return parquet.read(path) if path.exists() else pl.DataFrame(schema=FRAMES[name])
