"""Archive and log as one: whatever was committed, as frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from django.conf import settings

from inventory import log
from inventory.history.archive import Archive
from inventory.history.archive import settled as settled
from inventory.history.follower import dropped, require_ours
from inventory.history.rows import headers, pieces
from inventory.history.segment import RECORDS, schema_of


def directory() -> Path:
    """Where this installation's history is."""
    return Path(settings.INVENTORY_HISTORY_DIR)


@dataclass
class Past:
    """``start``: records later than this are known without a gap, up to ``head``; ``archived``: up to here from files."""

    archive: Archive
    start: int
    archived: int
    head: int

    def __post_init__(self) -> None:
        self._tail: dict[str, pl.DataFrame] | None = None
        self._headers: pl.DataFrame | None = None

    @classmethod
    def of(cls, archive: Archive) -> Past:
        """What ``archive`` and the log have together. Raises HistoryForeign, DatabaseError."""
        require_ours(archive)
        head, gone = log.leadership().head, dropped()
        start = 0 if archive.end(0) >= min(gone, head) else _start(archive, gone)
        return cls(archive, start, min(archive.end(start), head), head)

    def records(self) -> pl.LazyFrame:
        """All records, oldest first."""
        if self._headers is None:
            self._headers = headers(self.archived, self.head)
        return pl.concat([self.archive.scan(RECORDS, self.start, self.archived), self._headers.lazy()])

    def rows(self, table: str, after: int = 0, until: int | None = None) -> pl.LazyFrame:
        """Rows of ``table`` that records later than ``after`` (up to ``until``) put or deleted, oldest first."""
        until = self.head if until is None else until
        parts = [self.archive.scan(table, max(after, self.start), min(until, self.archived))]
        if until > self.archived:
            tail = self._of_log().get(table, pl.DataFrame(schema=schema_of(table)))
            parts.append(tail.lazy().filter(pl.col("sequence") > after, pl.col("sequence") <= until))
        return pl.concat(parts)

    def _of_log(self) -> dict[str, pl.DataFrame]:
        if self._tail is None:
            found = pieces(self.archived, self.head)
            self._tail = {} if found is None else found.frames
        return self._tail


def _start(archive: Archive, gone: int) -> int:
    """Where the segments begin that lead to the end of what the log dropped; the end itself when none does."""
    return min((one.first - 1 for one in archive.segments if archive.end(one.first - 1) >= gone), default=gone)
