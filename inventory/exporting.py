"""A snapshot as files: Parquet tables that hold everything, or the TSV tables that ``tables_tsv.py`` reads.

TSV has no files one by one, paths, or data types; what a replica lacks is told in bytes only.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from inventory.errors import InventoryError
from inventory.schema import TABLES
from inventory.snapshot import Snapshot


class ExportError(InventoryError):
    """The directory cannot be written; the text says why."""


def export(
    snapshot: Snapshot, directory: Path, form: str, progress: Callable[[int], None] = lambda tables: None
) -> dict[str, int]:
    """Write the snapshot as ``form`` ("parquet" or "tsv") into a new directory, all of it or nothing; rows by table.

    ``progress`` is told the number of tables written. Raises :class:`ExportError` if the directory exists and is not empty, or cannot be written.
    """
    write = {"parquet": _parquet, "tsv": _tsv}[form]
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ExportError(f"{directory} exists and is not an empty directory")
    scratch: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        counts = write(snapshot, scratch, progress)
        scratch.chmod(0o755)
        os.replace(scratch, directory)  # noqa: PTH105 - also over an empty directory
    except OSError as error:
        raise ExportError(f"{directory} cannot be written: {error}") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return counts


def _parquet(snapshot: Snapshot, directory: Path, progress: Callable[[int], None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in TABLES:
        progress(len(counts))
        snapshot.table(name).sink_parquet(directory / f"{name}.parquet")
        counts[name] = snapshot.table(name).select(pl.len()).collect().item()
    return counts


def _tsv(snapshot: Snapshot, directory: Path, progress: Callable[[int], None]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, table in _TABLES.items():
        progress(len(counts))
        frame = table(snapshot).collect()
        frame.write_csv(
            directory / f"{name}.tsv", separator="\t", include_header=False, quote_style="never", null_value=""
        )
        counts[name] = frame.height
    definitions = snapshot.frame("partitions").select("name", "definition").iter_rows()
    (directory / "partitions.txt").write_text("".join(f"{name}: {definition}\n" for name, definition in definitions))
    return counts


def _line(snapshot: Snapshot, table: str, key: str) -> pl.LazyFrame:
    """Ids with the number of their line from 0."""
    ids = snapshot.table(table).select(key)
    if table == "groups":
        return ids.sort(key).with_columns(line=pl.int_range(pl.len()))
    return ids.with_columns(line=pl.int_range(pl.len()))


def _replicas(snapshot: Snapshot, table: str) -> pl.LazyFrame:
    """The table with ``dataset``, ``block``, ``site``, ``group`` as line numbers, in its own order."""
    rows = snapshot.table(table).with_row_index("row")
    for label, other in (("dataset", "datasets"), ("block", "blocks"), ("site", "sites"), ("group", "groups")):
        key = f"{label}_id"
        if key in TABLES[table].schema and not (table == "blocks" and label == "block"):
            rows = rows.join(_line(snapshot, other, key).rename({"line": label}), on=key, how="left")
    return rows.sort("row")


def _groups(snapshot: Snapshot) -> pl.LazyFrame:
    return snapshot.table("groups").sort("group_id").select("name", pl.col("level").cast(pl.String))


def _sites(snapshot: Snapshot) -> pl.LazyFrame:
    zero = pl.lit(0)
    columns = (pl.col("storage_type").cast(pl.String), pl.col("status").cast(pl.String))
    return snapshot.table("sites").select("name", *columns, big=zero, small=zero)


def _quotas(snapshot: Snapshot) -> pl.LazyFrame:
    sites = snapshot.table("sites").select("site_id", pl.col("name").alias("site"))
    partitions = snapshot.table("partitions").select("partition_id", pl.col("name").alias("partition"))
    rows = snapshot.table("quotas").join(sites, on="site_id").join(partitions, on="partition_id")
    return rows.select("site", "partition", "quota").sort("site", "partition")


def _datasets(snapshot: Snapshot) -> pl.LazyFrame:
    return snapshot.table("datasets").select(
        "name", pl.col("status").cast(pl.String), "last_update", "usage_rank", "num_access"
    )


def _number(flag: str) -> pl.Expr:
    return pl.col(flag).cast(pl.UInt8)


_TABLES: dict[str, Callable[[Snapshot], pl.LazyFrame]] = {
    "groups": _groups,
    "sites": _sites,
    "quotas": _quotas,
    "datasets": _datasets,
    "blocks": lambda snapshot: _replicas(snapshot, "blocks").select("dataset", "name", "size", "num_files", "last_update"),
    "dataset_replicas": lambda snapshot: _replicas(snapshot, "dataset_replicas").select(
        "dataset", "site", _number("growing"), "group"
    ),
    "block_replicas": lambda snapshot: _replicas(snapshot, "block_replicas").select(
        "block", "site", "group", _number("custodial"), "size", _number("complete"), "last_update"
    ),
}  # fmt: skip
