"""Frames that are kept as Parquet files: written whole or not at all, and told apart from damaged ones when read."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from inventory.errors import InventoryError
from inventory.store import synchronised


class FrameNotWritten(InventoryError):
    """A frame could not be kept (a full disk, no permission, …); nothing of it is left."""


class FrameDamaged(InventoryError):
    """A file is not the frame that was written; the text says which and how."""


def keep(frame: pl.DataFrame, path: Path) -> None:
    """Write ``frame`` to ``path``, whose directory is made; it is on the disk when this returns. Raises FrameNotWritten."""
    keep_as("parquet", frame, path)


def keep_as(form: str, frame: pl.DataFrame, path: Path) -> None:
    """The same, as ``form``: "parquet" or "arrow"."""
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        (frame.write_parquet if form == "parquet" else frame.write_ipc)(part)
        settle(part, path)
    except (OSError, pl.exceptions.PolarsError) as error:
        forget(part)
        raise FrameNotWritten(f"{path} cannot be written: {error}") from error


def settle(part: Path, path: Path) -> None:
    """Give a written file its name so that it is there wholly or not, whatever dies when. Raises OSError."""
    synchronised(part)
    part.rename(path)
    synchronised(path.parent)


def forget(part: Path) -> None:
    """Remove what was half written: on a full disk others need the space."""
    try:
        part.unlink(missing_ok=True)
    except OSError:
        # Where nothing can be removed nothing could be written either; the caller tells why.
        return


def scanned(path: Path) -> pl.LazyFrame:
    """The frame at ``path``, lazily. Raises FrameDamaged when it is cut off or is something else."""
    try:
        frame = pl.scan_parquet(path)
        frame.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FrameDamaged(f"{path} cannot be read: {error}") from error
    return frame


def read(path: Path) -> pl.DataFrame:
    """The frame at ``path``. Raises FrameDamaged."""
    try:
        return scanned(path).collect()
    except pl.exceptions.PolarsError as error:
        raise FrameDamaged(f"{path} cannot be read: {error}") from error
