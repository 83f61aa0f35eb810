"""Files by LFN in packed chunks: directories are looked up in the chunks' dictionaries, names only in those directories."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import polars as pl

from inventory.packed import texts
from inventory.packed.rows import PackedRows, hashed, joined

_FEW = 64
"""Names that are looked for one by one; more are compared with all there are."""
_DATASET = {"dataset_id": pl.UInt32, "name": pl.String}


def called(chunks: Sequence[PackedRows], paths: pl.DataFrame) -> pl.DataFrame:
    """Rows of the table ``files`` in ``chunks`` whose directory and base_name are in ``paths`` (unique)."""
    hits = []
    wanted = _near(chunks, paths).with_columns(head=pl.col("base_name").map_batches(_heads, pl.UInt64))
    for place, heads in wanted.group_by("place", maintain_order=True).agg("head").iter_rows():
        rows = np.flatnonzero(chunks[place].candidates("base_name", np.array(heads, np.uint64)))
        if len(rows):
            hits.append((chunks[place], rows))
    return joined("files", hits).join(paths, on=["directory", "base_name"], how="semi", maintain_order="left")


def datasets_called(chunks: Sequence[PackedRows], names: pl.Series) -> pl.Series:
    """Ids of the datasets in ``chunks`` with these ``names``."""
    if len(names) <= _FEW:
        return _few_called(chunks, names)
    hashes = np.concatenate([np.empty(0, np.int64), *(chunk.hashes("name") for chunk in chunks)])
    hits = np.flatnonzero(np.isin(hashes, hashed(names.to_list())))
    ends = np.cumsum([chunk.height for chunk in chunks])
    places = np.searchsorted(ends, hits, side="right")
    found = [
        chunks[place].frame(["dataset_id", "name"], hits[places == place] - (ends[place] - chunks[place].height))
        for place in np.unique(places)
    ]
    # Different names may have the same hash.
    rows = pl.concat([pl.DataFrame(schema=_DATASET), *found])
    ids: pl.Series = rows.filter(pl.col("name").is_in(names.implode()))["dataset_id"]
    return ids


def _few_called(chunks: Sequence[PackedRows], names: pl.Series) -> pl.Series:
    wanted = hashed(names.to_list())
    found = [pl.DataFrame(schema=_DATASET)]
    for chunk in chunks:
        places = chunk.places_of("name", wanted)
        if len(places):
            found.append(chunk.frame(["dataset_id", "name"], places))
    rows = pl.concat(found) if len(found) > 2 else found[-1]
    same = rows["name"] == names[0] if len(names) == 1 else rows["name"].is_in(names.implode())
    ids: pl.Series = rows["dataset_id"].filter(same)
    return ids


def _heads(names: pl.Series) -> pl.Series:
    return pl.Series(texts.heads(names), dtype=pl.UInt64)


def _near(chunks: Sequence[PackedRows], paths: pl.DataFrame) -> pl.DataFrame:
    """``paths`` with the places of the chunks that have a directory of the same check."""
    checks = [chunk.parts("directory")[1].get("check", np.empty(0, np.uint32)) for chunk in chunks]
    places = np.repeat(np.arange(len(chunks)), [len(found) for found in checks])
    known = pl.DataFrame({"check": np.concatenate([np.empty(0, np.uint32), *checks]), "place": places})
    directories = paths.select(pl.col("directory").unique())
    checked = [zlib.crc32(name.encode()) for name in directories["directory"]]
    wanted = directories.with_columns(check=pl.Series(checked, dtype=pl.UInt32))
    return known.unique().join(wanted, on="check").join(paths, on="directory").sort("place")
