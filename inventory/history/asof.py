"""The inventory as it was: the nearest older checkpoint, or nothing, with what the history and the log say since."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import structlog
from django.conf import settings

from inventory import checkpoint
from inventory.errors import VersionGone
from inventory.history.past import Past, directory, settled
from inventory.image import Image
from inventory.log_models import UpdateRecord
from inventory.recovery import replayed
from inventory.resolve.delta import Delta
from inventory.schema import TABLES
from inventory.snapshot import Snapshot

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Retained:
    """Any version from ``oldest`` to ``newest`` can be had; ``since``: UTC seconds of the oldest, 0: from the beginning on."""

    oldest: int
    newest: int
    since: int

    def __str__(self) -> str:
        when = f" ({_when(self.since)})" if self.since else ""
        return f"versions {self.oldest}{when} to {self.newest} are retained"


def as_of(version: int | None = None, time: int | None = None) -> Snapshot:
    """The inventory at ``version``, or as it was at ``time`` (UTC seconds). Raises VersionGone, HistoryDamaged."""
    return settled(directory(), lambda archive: _as_of(Past.of(archive), version, time))


def retained() -> Retained:
    """What :func:`as_of` can give."""
    return settled(directory(), lambda archive: _retained(Past.of(archive)))


def image_at(past: Past, base: Image, version: int, by_files: int | None = None) -> Image:
    """``base`` brought to ``version``: by files as far as they go (or to ``by_files``), then by the log.

    Raises SourceUnusable, RecordsDropped.
    """
    reached = min(past.archived if by_files is None else by_files, version)
    if reached > base.version >= past.start:
        base = base.after(_net(past, base.version, reached), reached, time_of(reached))
    return replayed(base, version)


def time_of(version: int) -> int:
    """UTC seconds of a record; 0 for version 0."""
    return UpdateRecord.objects.filter(pk=version).values_list("time", flat=True).first() or 0


def _as_of(past: Past, version: int | None, time: int | None) -> Snapshot:
    known = _retained(past)
    if version is None:
        version = _version_at(past, time, known)
    if not known.oldest <= version <= known.newest:
        raise VersionGone(f"version {version} is not retained: {known}")
    return image_at(past, next(bases(past, version)), version).snapshot()


def _version_at(past: Past, time: int | None, known: Retained) -> int:
    if time is None:
        return past.head
    if known.since and time < known.since:
        raise VersionGone(f"the inventory as of {_when(time)} is not retained: {known}")
    earlier = UpdateRecord.objects.filter(time__lte=time, sequence__lte=past.head)
    return earlier.values_list("sequence", flat=True).first() or known.oldest


def bases(past: Past, version: int) -> Iterator[Image]:
    """Images that lead to ``version``, the nearest first. Raises VersionGone when there is no more."""
    for path in checkpoint.newest_first(Path(settings.INVENTORY_CHECKPOINT_DIR)):
        if past.start <= int(path.name) <= version:
            try:
                yield checkpoint.load(path)
            except checkpoint.CheckpointDamaged as error:
                _LOG.warning("checkpoint_passed_over", reason=str(error))
    if past.start == 0:
        yield Image.from_frames({})
    raise VersionGone(f"no checkpoint leads to version {version}, and the history begins after record {past.start}")


def _retained(past: Past) -> Retained:
    if past.start == 0:
        return Retained(0, past.head, 0)
    places = checkpoint.newest_first(Path(settings.INVENTORY_CHECKPOINT_DIR))
    oldest = min(
        (int(path.name) for path in places if past.start <= int(path.name) <= past.head), default=past.head + 1
    )
    return Retained(oldest, past.head, time_of(oldest))


def _net(past: Past, after: int, until: int) -> Delta:
    """All records later than ``after`` up to ``until`` as one: of each row what is true in the end."""
    puts: dict[str, pl.DataFrame] = {}
    deletes: dict[str, pl.DataFrame] = {}
    for name, table in TABLES.items():
        key = list(table.key)
        last = past.rows(name, after, until).unique(key, keep="last", maintain_order=True).collect()
        put, gone = last.filter(~pl.col("deleted")), last.filter("deleted")
        if put.height:
            puts[name] = put.select(table.schema.names())
        if gone.height:
            deletes[name] = gone.select(key)
    return Delta(puts, deletes)


def _when(seconds: int) -> str:
    return clock.strftime("%Y-%m-%d %H:%M:%S UTC", clock.gmtime(seconds))


def described() -> dict[str, Any]:
    """For the status: what is retained, and what the archive holds."""

    def told(archive: Any) -> dict[str, Any]:
        past = Past.of(archive)
        known = _retained(past)
        return {
            "oldest": known.oldest, "newest": known.newest, "since": known.since, "archived": past.archived,
            "segments": len(archive.segments), "bytes": archive.size, "damaged": list(archive.damaged.values()),
        }  # fmt: skip

    return settled(directory(), told)
