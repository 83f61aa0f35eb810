"""Files by LFN in packed chunks: directories are looked up in the chunks' dictionaries, names only in those directories."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import polars as pl

from inventory.packed.rows import PackedRows, joined


def called(chunks: Sequence[PackedRows], paths: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table ``files`` in ``chunks`` whose directory and base_name are in ``paths`` (unique)."""
    hits = []
    for (place,), near in _near(chunks, paths).partition_by("place", as_dict=True, maintain_order=True).items():
        chunk = chunks[place]
        rows = np.flatnonzero(chunk.candidates("base_name", near["base_name"]))
        if len(rows):
            hits.append((chunk, rows))
    return joined("files", hits).join(paths, on=["directory", "base_name"], how="semi", maintain_order="left")


def _near(chunks: Sequence[PackedRows], paths: pl.DataFrame) -> pl.DataFrame:
    """``paths`` with the places of the chunks that have a directory of the same check."""
    checks = [chunk.parts("directory")[1].get("check", np.empty(0, np.uint32)) for chunk in chunks]
    places = np.repeat(np.arange(len(chunks)), [len(found) for found in checks])
    known = pl.DataFrame({"check": np.concatenate([np.empty(0, np.uint32), *checks]), "place": places})
    directories = paths.select(pl.col("directory").unique())
    checked = [zlib.crc32(name.encode()) for name in directories["directory"]]
    wanted = directories.with_columns(check=pl.Series(checked, dtype=pl.UInt32))
    return known.unique().join(wanted, on="check").join(paths, on="directory").sort("place")
