"""The frames of a check, each declared once, and expressions over LFNs that several modules need."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

PATH = ("directory", "base_name")

LISTED = pl.Schema({"directory": pl.String, "base_name": pl.String, "size": pl.Int64, "mtime": pl.Int64})
"""Files seen at the site: bytes, UTC seconds."""

DIRECTORIES = pl.Schema(
    {"directory": pl.String, "mtime": pl.Int64, "num_files": pl.UInt32, "num_directories": pl.UInt32}
)
"""Directories that were listed, with the number of entries of each kind."""

UNLISTED = pl.Schema({"directory": pl.String, "reason": pl.String})
"""Directories that could not be listed; nothing is known of what is under them."""

EXPECTED = pl.Schema({
    "directory": pl.String, "base_name": pl.String, "size": pl.Int64, "adler32": pl.UInt32,
    "dataset_id": pl.UInt32, "block_id": pl.UInt32, "file_id": pl.UInt64,
})  # fmt: skip
"""Files that the inventory has at the site."""

OPERATIONS = pl.Schema({"directory": pl.String, "base_name": pl.String, "operation": pl.String})
"""Open copies to and deletions at the site."""

SPARED = pl.Schema(
    {"kind": pl.String, "directory": pl.String, "base_name": pl.String, "size": pl.Int64, "reason": pl.String}
)
"""What looked wrong and is left alone, with the reason in words; ``kind`` is missing, orphan, mismatch or directory."""

SUSPECTS = pl.Schema({"directory": pl.String, "base_name": pl.String})
"""Files that were missing in a listing, whether acted upon or not."""


def under(paths: pl.Series, prefixes: Iterable[str]) -> pl.DataFrame:
    """Which of ``paths`` are one of ``prefixes`` or lie below one: frame(path, prefix), shortest prefix, unique paths.

    Works depth by depth, so that neither the number of prefixes nor that of paths matters much.
    """
    wanted = pl.DataFrame({"prefix": sorted(set(prefixes))}, schema={"prefix": pl.String})
    left = pl.DataFrame({"path": paths.unique()}, schema={"path": pl.String})
    found = [pl.DataFrame(schema={"path": pl.String, "prefix": pl.String})]
    deepest = wanted["prefix"].str.count_matches("/", literal=True).max()
    for depth in range(1, int(deepest or 0) + 1):  # type: ignore[arg-type]
        head = pl.col("path").str.extract(rf"(?s)^((?:/[^/]*){{{depth}}})(?:/|$)").alias("prefix")
        hits = left.with_columns(head).join(wanted, on="prefix", how="semi")
        found.append(hits)
        left = left.join(hits, on="path", how="anti")
    return pl.concat(found)


def contains_any(path: pl.Expr, patterns: Iterable[str]) -> pl.Expr:
    """Whether ``path`` holds one of the literal ``patterns``."""
    return pl.any_horizontal(pl.lit(False), *(path.str.contains(pattern, literal=True) for pattern in patterns))


def contains_text(path: str, patterns: Iterable[str]) -> bool:
    """The same for one path."""
    return any(pattern in path for pattern in patterns)
