"""The frames of a cycle, as Parquet files below the history directory; each is written whole or not at all.

Besides the decisions, what they were made of is kept (``inputs/``), so that ``detox explain`` evaluates exactly that again.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings

from inventory import parquet
from inventory.errors import InventoryError
from inventory.policy.facts import Facts
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

DECISIONS = ("deleted", "kept", "protected")
_COLUMNS: dict[str, dict[str, Any]] = {
    "decisions": {
        "site": pl.String, "dataset": pl.String, "decision": pl.Enum(DECISIONS), "line": pl.Int32,
        "num_blocks": pl.UInt32, "size": pl.Int64,
    },
    "image": {
        "site_id": pl.UInt16, "dataset_id": pl.UInt32, "block_id": pl.UInt32, "site": pl.String, "dataset": pl.String,
        "group_id": pl.UInt16, "new_group_id": pl.UInt16, "size": pl.Int64, "complete": pl.Boolean,
        "last_update": pl.Int64, "locked": pl.Boolean, "decision": pl.Enum(DECISIONS), "line": pl.Int32,
        "decided_at": pl.Int32, "gone_at": pl.Int32, "reowned_at": pl.Int32,
    },
    "plan": {
        "site": pl.String, "dataset": pl.String, "block": pl.String, "group": pl.String, "new_group": pl.String,
        "deleted": pl.Boolean, "whole": pl.Boolean,
    },
    "lines": {
        "site": pl.String, "decision": pl.Enum(DECISIONS), "line": pl.Int32, "num_replicas": pl.UInt32,
        "num_blocks": pl.UInt32, "size": pl.Int64,
    },
}  # fmt: skip
FRAMES = {name: pl.Schema(columns) for name, columns in _COLUMNS.items()}
"""``decisions``: one row per site, dataset, list and deciding line (0: the default). ``image``: that of ``Decisions``, by block.

``plan``: block replicas that go (``deleted``; ``whole``: all block replicas of that dataset there go) or change hands
from ``group`` to ``new_group``; a null block stands for a dataset replica without any. ``lines``: the decisions summed over
datasets.
"""

_FACTS = ("locked", "enforcer_protected", "unhandled_copies", "tape_requested", "unknown")
_WHOLE = ("groups", "sites", "partitions", "quotas", "datasets")
_OF_DATASETS = ("blocks", "dataset_replicas", "block_replicas")


class NotKept(InventoryError):
    """The wanted file of a cycle is not kept (any more)."""


def directory_of(cycle: int) -> Path:
    """Where a cycle's files are."""
    return Path(settings.HISTORY_DIR) / "detox" / str(cycle)


def keep(cycle: int, frames: dict[str, pl.DataFrame]) -> None:
    """Write frames named in ``FRAMES``; they are on the disk when this returns. Raises FrameNotWritten."""
    for name, frame in frames.items():
        parquet.keep(frame.select(FRAMES[name].names()).cast(FRAMES[name]), directory_of(cycle) / f"{name}.parquet")


def read(cycle: int, name: str) -> pl.DataFrame:
    """One frame of a cycle. Raises :class:`NotKept`, FrameDamaged."""
    return parquet.read(path_of(cycle, name))


def scan(cycle: int, name: str) -> pl.LazyFrame:
    """The same, lazily."""
    return parquet.scanned(path_of(cycle, name))


def is_kept(cycle: int, name: str) -> bool:
    """Whether the cycle has a frame of that name."""
    return (directory_of(cycle) / f"{name}.parquet").exists()


def path_of(cycle: int, name: str) -> Path:
    """Where a frame of a cycle is. Raises :class:`NotKept`."""
    path = directory_of(cycle) / f"{name}.parquet"
    if not path.exists():
        raise NotKept(f"cycle {cycle}: its {name} are not kept")
    return path


def keep_inputs(cycle: int, snapshot: Snapshot, facts: Facts, datasets: pl.Series) -> None:
    """Keep what decisions are made of: facts, and of the snapshot all that concerns ``datasets`` (ids)."""
    directory = directory_of(cycle) / "inputs"
    chosen = pl.LazyFrame({"dataset_id": datasets.unique()})
    for name in (*_WHOLE, *_OF_DATASETS):
        table = snapshot.table(name)
        if name in _OF_DATASETS:
            table = table.join(chosen, on="dataset_id", how="semi")
        parquet.keep(table.collect(), directory / f"{name}.parquet")
    for name in _FACTS:
        parquet.keep(getattr(facts, name), directory / f"fact_{name}.parquet")
    about = {"version": snapshot.version, "time": snapshot.time, "protected_sites": facts.protected_sites}
    _write_text(json.dumps(about), directory / "about.json")


def has_inputs(cycle: int) -> bool:
    """Whether what the cycle's decisions were made of is still kept."""
    return (directory_of(cycle) / "inputs" / "about.json").exists()


def read_inputs(cycle: int, datasets: pl.Series | None = None) -> tuple[Snapshot, Facts]:
    """What the cycle's decisions were made of; with ``datasets`` only blocks and replicas of these (ids). Raises :class:`NotKept`."""
    directory = directory_of(cycle) / "inputs"
    if not has_inputs(cycle):
        raise NotKept(f"cycle {cycle}: what its decisions were made of is not kept any more")
    about = json.loads((directory / "about.json").read_text())
    frames = {}
    for name in (*_WHOLE, *_OF_DATASETS):
        table = parquet.scanned(directory / f"{name}.parquet")
        if datasets is not None and name in _OF_DATASETS:
            table = table.filter(pl.col("dataset_id").is_in(datasets.implode()))
        frames[name] = table.collect().cast(TABLES[name].schema)
    facts = {name: parquet.read(directory / f"fact_{name}.parquet") for name in _FACTS}
    snapshot = Snapshot.from_frames(frames, about["version"], about["time"])
    known = dataclasses.replace(Facts.none(), **facts, protected_sites=tuple(about["protected_sites"]))
    return snapshot, known


def drop_inputs(cycles: list[int]) -> None:
    """Forget what these cycles' decisions were made of; the decisions stay."""
    for cycle in cycles:
        shutil.rmtree(directory_of(cycle) / "inputs", ignore_errors=True)


def _write_text(text: str, path: Path) -> None:
    part = path.with_suffix(".part")
    try:
        part.write_text(text)
        parquet.settle(part, path)
    except OSError as error:
        parquet.forget(part)
        raise parquet.FrameNotWritten(f"{path} cannot be written: {error}") from error
