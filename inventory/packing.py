"""Several frames with a description as one sequence of bytes: for the log, and for change sets on their way. Pure."""

from __future__ import annotations

import io
import json
import mmap
import struct
from collections.abc import Iterable
from typing import Any

import polars as pl
import pyarrow as pa

from inventory.errors import InventoryError

_HEADER = struct.Struct("<I")

Section = tuple[str, str, pl.DataFrame]
"""Kind ("put", "delete"), table, rows."""


class PackingDamaged(InventoryError):
    """Bytes are not what :func:`pack` made."""


def pack(about: dict[str, Any], frames: Iterable[Section]) -> bytes:
    """A header that lists the sections, then each as a compressed Arrow stream."""
    sections, bodies = [], []
    for kind, name, frame in frames:
        stream = io.BytesIO()
        frame.write_ipc_stream(stream, compression="zstd")
        bodies.append(stream.getvalue())
        sections.append([kind, name, len(bodies[-1])])
    header = json.dumps({"about": about, "sections": sections}).encode()
    return b"".join([_HEADER.pack(len(header)), header, *bodies])


def unpack(data: bytes | mmap.mmap) -> tuple[dict[str, Any], list[Section]]:
    """The inverse of :func:`pack`; every value is checked, so that bytes may come from anywhere. Raises PackingDamaged."""
    try:
        whole = memoryview(data)
        (length,) = _HEADER.unpack_from(whole)
        start = _HEADER.size + length
        header = json.loads(bytes(whole[_HEADER.size : start]))
        frames = []
        for kind, name, size in header["sections"]:
            frames.append((str(kind), str(name), _frame(whole[start : start + size])))
            start += size
        about = header["about"]
    except (
        struct.error,
        ValueError,
        KeyError,
        TypeError,
        OSError,
        pa.ArrowException,
        pl.exceptions.PolarsError,
    ) as error:
        raise PackingDamaged(f"damaged: {error}") from error
    if start != len(data) or not isinstance(about, dict):
        raise PackingDamaged(f"damaged: {len(data)} bytes instead of {start}")
    return about, frames


def _frame(data: memoryview) -> pl.DataFrame:
    # Arrow's reader with a full check: damaged offsets must not reach Polars, which trusts them.
    table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)
    frame = pl.from_arrow(table, rechunk=False)
    if not isinstance(frame, pl.DataFrame):
        raise PackingDamaged("damaged: no table")
    return frame
