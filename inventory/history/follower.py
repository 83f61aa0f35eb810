"""The history as a follower of the log: every record once, in segments that grow by being merged.

Where it stands is told by the segments themselves, so that nothing has to be written together with them.
"""

from __future__ import annotations

import functools
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from inventory.errors import InventoryError
from inventory.history.archive import Archive, archive
from inventory.history.rows import pieces, stored
from inventory.history.segment import RECORDS, Segment, named, remove, stored_schema, write
from inventory.log_models import FollowerPosition, UpdateRecord
from inventory.schema import TABLES

DROPPED = "dropped"
"""Name of the position up to which the log has no rows any more (see ``compaction``)."""

BATCH_BYTES = 32 * 1024 * 1024
"""Bytes of records in the log that make one segment: about what is in memory meanwhile."""
BATCH_RECORDS = 5000
FULL_BYTES = 256 * 1024 * 1024
"""Segments of this size are not merged any more."""
_FAN = 8
_SMALL_BYTES = 64 * 1024


class HistoryForeign(InventoryError):
    """The directory holds the history of another database."""


def dropped() -> int:
    """Number of the last record whose rows the log has no more."""
    row = FollowerPosition.objects.filter(pk=DROPPED).first()
    return 0 if row is None else row.sequence


def position(directory: Path) -> int:
    """Everything that the log may drop is in the history up to this record; only reads. Raises HistoryForeign."""
    return _ours(directory).end(dropped())


class Historian:
    """The writer of the history in ``directory``; there must be one only."""

    def __init__(self, directory: Path, full_bytes: int = FULL_BYTES) -> None:
        self.directory, self._full = directory, full_bytes
        self._tidied = False

    def follow(self, until: int) -> int:
        """Write the first records up to ``until`` that are not here as one segment; how many. Raises OSError, HistoryForeign."""
        now = self._archive()
        gap = now.gap(dropped(), until)
        if gap is None:
            return 0
        first, last = gap
        found = pieces(first - 1, min(last, first + BATCH_RECORDS - 1), BATCH_BYTES)
        if found is None:
            return 0
        writers = {
            name: functools.partial(_write, stored(name, frame)) for name, frame in found.frames.items()
        }  # fmt: skip
        write(self.directory, found.first, found.last, found.last_time, found.transaction, writers)
        self._remove_replaced()
        return found.last - found.first + 1

    def merge(self) -> Segment | None:
        """Make one segment of several small neighbours, if there are enough of them. Raises OSError, HistoryDamaged."""
        some = mergeable(self._archive().segments, self._full)
        if not some:
            return None
        for segment in some:
            segment.check()
        names = [name for name in (RECORDS, *TABLES) if any(name in segment.files for segment in some)]
        whole = Archive(self.directory, tuple(some))
        writers = {name: functools.partial(_sink, whole, name) for name in names}
        last = some[-1]
        merged = write(self.directory, some[0].first, last.last, last.last_time, last.transaction, writers)
        for segment in some:
            remove(segment.directory)
        return merged

    def _archive(self) -> Archive:
        if not self._tidied:
            self._tidy()
        return _ours(self.directory)

    def _remove_replaced(self) -> None:
        """Damaged segments of which everything is there again."""
        now = archive(self.directory)
        for path in now.damaged:
            first, last = named(path) or (0, 0)
            if now.end(first - 1) >= last:
                remove(path)

    def _tidy(self) -> None:
        """Remove what a writer that died left."""
        for path in self.directory.glob(".*.tmp*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in archive(self.directory).covered:
            remove(path)
        self._tidied = True


def mergeable(segments: Sequence[Segment], full: int = FULL_BYTES) -> list[Segment]:
    """Neighbours without a gap between that are of like size, and enough of them to be worth it; the smallest first."""
    for tier in sorted({_tier(segment) for segment in segments if segment.size < full}):
        run: list[Segment] = []
        for segment in segments:
            fits = segment.size < full and _tier(segment) <= tier
            if run and (not fits or run[-1].last + 1 != segment.first):
                if len(run) >= _FAN:
                    return run
                run = []
            if fits:
                run.append(segment)
        if len(run) >= _FAN:
            return run
    return []


def _tier(segment: Segment) -> int:
    return int(math.log(max(segment.size, _SMALL_BYTES) / _SMALL_BYTES, _FAN))


def _ours(directory: Path) -> Archive:
    now = archive(directory)
    require_ours(now)
    return now


def require_ours(now: Archive) -> None:
    """Raise HistoryForeign unless the segments end with records of this database."""
    ends = [segment.last for segment in now.segments]
    known = dict(UpdateRecord.objects.filter(pk__in=ends).values_list("sequence", "transaction"))
    for segment in now.segments:
        if known.get(segment.last) != segment.transaction:
            raise HistoryForeign(
                f"{segment.directory} is the history of another database: record {segment.last} is another there; set "
                "INVENTORY_HISTORY_DIR, or, if an older database was restored, move this segment and later ones away"
            )


def _write(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path, compression="zstd")


def _sink(whole: Archive, name: str, path: Path) -> None:
    whole.scan(name).cast(stored_schema(name)).sink_parquet(path, compression="zstd", maintain_order=True)
