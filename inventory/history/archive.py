"""What a directory of segments holds: which records, and their rows as lazy frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import polars as pl

from inventory.history.segment import HistoryDamaged, Segment, named, opened, schema_of, stored_schema

_TRIES = 5
Result = TypeVar("Result")


@dataclass(frozen=True)
class Archive:
    """``segments`` in order, none within another; ``damaged``: why others cannot be used;
    ``covered``: directories of those within others."""

    directory: Path
    segments: tuple[Segment, ...]
    damaged: Mapping[Path, str] = field(default_factory=dict)
    covered: tuple[Path, ...] = ()

    @property
    def last(self) -> int:
        """Number of the last record; 0: there is none."""
        return self.segments[-1].last if self.segments else 0

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(segment.size for segment in self.segments)

    def is_there(self) -> bool:
        """Whether no segment was merged into another one meanwhile."""
        return all(segment.directory.exists() for segment in self.segments)

    def end(self, after: int) -> int:
        """The last record of those that follow ``after`` without a gap; ``after`` itself when there is none."""
        for segment in self.segments:
            if segment.first <= after + 1 <= segment.last:
                after = segment.last
        return after

    def gap(self, after: int, until: int) -> tuple[int, int] | None:
        """The first records later than ``after``, up to ``until``, that are not here: from, to."""
        start = self.end(after) + 1
        if start > until:
            return None
        return start, min([until, *(segment.first - 1 for segment in self.segments if segment.first > start)])

    def scan(self, name: str, after: int = 0, until: int | None = None) -> pl.LazyFrame:
        """``records``, or a table's rows, of the records later than ``after`` (up to ``until``), in order.

        Files go when segments are merged: collect soon, and within :func:`settled`.
        """
        end = self.last if until is None else until
        parts = []
        for segment in self.segments:
            first, after = after, max(after, segment.last)
            if name in segment.files and segment.last > first and segment.first <= end:
                rows = pl.scan_parquet(
                    segment.path(name), missing_columns="insert", extra_columns="ignore", schema=stored_schema(name)
                )
                parts.append(rows.filter(pl.col("sequence") > first, pl.col("sequence") <= end))
        if not parts:
            return pl.LazyFrame(schema=schema_of(name))
        return pl.concat(parts).cast(schema_of(name))


def archive(directory: Path) -> Archive:
    """The archive in ``directory``; empty when there is none."""
    found: list[Segment] = []
    damaged: dict[Path, str] = {}
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if named(path) is not None:
            try:
                found.append(opened(path))
            except HistoryDamaged as error:
                # One that was merged into a larger one just now is not damaged.
                damaged |= {path: str(error)} if path.exists() else {}
    kept = outermost(found)
    covered = tuple(one.directory for one in found if one not in kept)
    return Archive(directory, kept, damaged, covered)


def outermost(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Without those whose records are all in another one, in order."""
    kept: list[Segment] = []
    for segment in sorted(segments, key=lambda one: (one.first, -one.last)):
        if not kept or segment.last > kept[-1].last:
            kept.append(segment)
    return tuple(kept)


def settled(directory: Path, work: Callable[[Archive], Result]) -> Result:
    """What ``work`` makes of the archive; once more when its files were merged meanwhile. Raises HistoryDamaged."""
    for _ in range(_TRIES):
        now = archive(directory)
        try:
            return work(now)
        except HistoryDamaged:
            if now.is_there():
                raise
        except (OSError, pl.exceptions.PolarsError) as error:
            if now.is_there():
                raise HistoryDamaged(f"the history in {directory} cannot be read: {error}") from error
    raise HistoryDamaged(
        f"the history in {directory} changes all the time: is there more than one server that writes it?"
    )
