"""Whole inventories and documents from files, as change sets; nothing is sent before everything has been read and checked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, Problem
from inventory.injection import plan
from inventory.naming import in_names
from inventory.resolve import applied
from inventory.schema import TABLES, Table
from inventory.snapshot import Snapshot
from inventory.sources.attributes import known_rows, read_attributes
from inventory.tables_tsv import read_tables

# What TSV tables tell; the rest keeps its value, or takes the default.
_TSV_COLUMNS: dict[str, tuple[str, ...]] = {
    "groups": ("name", "level"),
    "sites": ("name", "storage_type", "status"),
    "partitions": ("name", "definition"),
    "quotas": ("site", "partition", "quota"),
    "datasets": ("name", "status", "last_update", "usage_rank", "num_access"),
    "blocks": ("dataset", "name", "size", "num_files", "last_update"),
    "dataset_replicas": ("dataset", "site", "growing", "group"),
    "block_replicas": (
        "dataset", "block", "site", "group", "custodial", "size", "num_files", "complete", "last_update",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A change set with what it was read from; ``copies``: files that a document wants to have copied; ``locks``: block
    replicas (dataset, block, site) that locks.tsv covers; ``unknown``: rows for datasets that the inventory does not have."""

    source: str
    changes: ChangeSet
    copies: pl.DataFrame | None = None
    locks: pl.DataFrame | None = None
    unknown: int = 0


Progress = Callable[[str], None]

_ROWS_PER_BYTE = 200
"""More rows than this in a byte of Parquet are no inventory: each has a key of its own."""


def read_all(
    paths: list[Path], snapshot: Snapshot, changes: Callable[[], ChangeSet], partitions: Path | None,
    attributes: Path | None, check: bool, progress: Progress,
) -> list[Loaded]:  # fmt: skip
    """One change set (an empty one of ``changes``, filled) for each path, checked one after the other against what the inventory will be by then.

    A single one is left to the server to check, which takes it as a whole or not at all, unless ``check``.
    Raises ChangeRefused or PolicyError with every mistake of the first source that has any.
    """
    now = int(time.time())
    found: list[Loaded] = []
    sources: list[tuple[Path, Callable[[Path, Snapshot, ChangeSet], Loaded]]] = [
        (path, _document if path.suffix == ".json" else _tables(partitions, progress)) for path in paths
    ]
    if attributes is not None:
        sources.append((attributes, _attributes))
    for path, read in sources:
        progress(f"reading {path}")
        loaded = read(path, snapshot, changes())
        found.append(loaded)
        if len(sources) == 1 and not check:
            break
        progress(f"checking {sum(frame.height for frame in loaded.changes.puts.values())} rows")
        snapshot = _checked(str(path), snapshot, loaded.changes, now)
    return found


def _checked(source: str, snapshot: Snapshot, changes: ChangeSet, now: int) -> Snapshot:
    try:
        return applied(snapshot, changes, now)
    except ChangeRefused as error:
        raise ChangeRefused([Problem(f"{source}: {one.where}", one.what) for one in error.problems]) from error


def _tables(partitions: Path | None, progress: Progress) -> Callable[[Path, Snapshot, ChangeSet], Loaded]:
    def read(path: Path, _snapshot: Snapshot, changes: ChangeSet) -> Loaded:
        if path.is_dir() and (path / "datasets.parquet").is_file():
            return _parquet(path, changes)
        tables = read_tables(path, partitions)
        given = tables.snapshot()
        for table, columns in _TSV_COLUMNS.items():
            if tables.frames[table].height:
                changes.put(table, in_names(given, table).select(columns))
                progress(f"{table}: {tables.frames[table].height}")
        return Loaded(str(path), changes, locks=_locks_in_names(given, tables.locks))

    return read


def _locks_in_names(snapshot: Snapshot, locks: pl.DataFrame) -> pl.DataFrame:
    names = in_names(snapshot, "block_replicas").select("dataset", "block", "site") if locks.height else None
    if names is None:
        return pl.DataFrame(schema={"dataset": pl.String, "block": pl.String, "site": pl.String})
    ids = snapshot.named("block_replicas").join(locks.lazy(), on=locks.columns, how="semi")
    return ids.select(names.columns).sort(names.columns).collect()


def _parquet(path: Path, changes: ChangeSet) -> Loaded:
    """Tables as ``inventory export`` writes them."""
    frames = {}
    try:
        for name, table in TABLES.items():
            _check_rows(path / f"{name}.parquet")
            frames[name] = pl.read_parquet(path / f"{name}.parquet").select(table.schema.names()).cast(table.schema)
            _check_key(path / f"{name}.parquet", frames[name], table)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ChangeRefused(
            [Problem(f"{path}/{name}.parquet", f"cannot be read: {str(error).splitlines()[0]}")]
        ) from error
    given = Snapshot.from_frames(frames)
    for name in TABLES:
        rows = in_names(given, name)
        if rows.height != frames[name].height - (name == "groups" and 0 in frames[name]["group_id"]):
            raise ChangeRefused([Problem(f"{path}/{name}.parquet", "has rows whose ids lead nowhere")])
        if rows.height:
            changes.put(name, rows)
    return Loaded(str(path), changes)


def _check_rows(path: Path) -> None:
    """Refuse a small file that says it holds more rows than memory. Raises OSError, PolarsError."""
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    if rows > _ROWS_PER_BYTE * path.stat().st_size:
        raise ChangeRefused([Problem(str(path), f"{rows} rows in {path.stat().st_size} bytes cannot be an inventory")])


def _check_key(path: Path, rows: pl.DataFrame, table: Table) -> None:
    """Refuse rows without a whole key, or with one that another row has."""
    holes = [column.name for column in table.columns if not column.nullable and rows[column.name].null_count()]
    problems = [Problem(str(path), f"{column} is empty in {rows[column].null_count()} rows") for column in holes]
    twice = rows.filter(pl.struct(table.key).is_duplicated()).select(table.key).unique(maintain_order=True)
    shown = "; ".join(str(row) for row in twice.head(3).rows(named=True))
    if twice.height:
        problems.append(Problem(str(path), f"{twice.height} keys are there more than once, as {shown}"))
    if problems:
        raise ChangeRefused(problems)


def _document(path: Path, snapshot: Snapshot, changes: ChangeSet) -> Loaded:
    planned = plan(snapshot, read_json(path), int(time.time()))
    return Loaded(str(path), planned.into(changes), copies=planned.copies)


def _attributes(path: Path, snapshot: Snapshot, changes: ChangeSet) -> Loaded:
    rows = read_attributes(path)
    known = known_rows(snapshot, rows)
    return Loaded(
        str(path), changes.put("datasets", known) if known.height else changes, unknown=rows.height - known.height
    )


def read_json(path: Path) -> Any:
    """The JSON document of a file. Raises ChangeRefused with line and column, also for what JSON does not allow."""
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise ChangeRefused([Problem(f"{path}:{error.lineno}:{error.colno}", f"is not JSON: {error.msg}")]) from error
    except RecursionError:
        raise ChangeRefused([Problem(str(path), "is nested too deeply")]) from None
    except (OSError, ValueError) as error:
        raise ChangeRefused([Problem(str(path), f"cannot be read: {error}")]) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"an object has the key {twice[:60]!r} twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
