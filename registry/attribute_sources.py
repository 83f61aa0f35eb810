"""Reading attribute sources: what is due, one writer run of what changed, and who has to wait while a source is in trouble."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.utils import timezone

from inventory import client
from inventory.errors import InventoryError
from inventory.sources.attributes import ATTRIBUTES, changed_rows, known_rows
from inventory.sources.base import Context, SourceWrong, make
from inventory.sources.sanity import believe
from registry.source_models import AttributeFetch, AttributeSource, OnTrouble
from scheduler.runs import writer

APPLICATION = "attributes"
_RETRY = timedelta(minutes=15)
_KEPT = 500


class SourceInTrouble(InventoryError):
    """A policy needs attributes of a source that fails or is too old, and is configured to stop cycles then."""


@dataclass
class Reading:
    """What is known of a reading so far; see ``AttributeFetch``."""

    rows: int | None = None
    unknown: int | None = None
    changed: int | None = None
    version: int | None = None
    run: int | None = None


def fetch(source: AttributeSource, author: str, *, wait: float | None = None) -> AttributeFetch:
    """Read the source and write what is new to the inventory, as one change set; on record whatever happens.

    Raises SourceFailed, SourceWrong, ChangeRefused, TurnBusy, ApplicationLocked, InventoryUnavailable.
    """
    reading = Reading()
    with _on_record(source, author, reading) as row:
        frame = look(source, reading)
        if reading.changed:
            _write(source, author, frame, reading, wait)
    return row


def look(source: AttributeSource, reading: Reading | None = None) -> pl.DataFrame:
    """What the source says now, believed; nothing is written to the inventory. Raises as :func:`fetch`."""
    reading = Reading() if reading is None else reading
    snapshot = client.snapshot()
    directory = Path(settings.HISTORY_DIR) / "sources" / source.name
    now = int(timezone.now().timestamp())
    frame = make(source.kind, source.configuration).fetch(Context(now, snapshot, directory))
    reading.rows = frame.height
    reading.unknown = frame.height - known_rows(snapshot, frame).height
    believe(frame, reading.unknown, source.good_rows, source.most_lost, source.most_unknown)
    reading.changed = changed_rows(snapshot, frame).height
    return frame


def _write(source: AttributeSource, author: str, frame: pl.DataFrame, reading: Reading, wait: float | None) -> None:
    with writer(APPLICATION, {"source": source.name}, author, wait=wait) as run:
        # By the time it is our turn others may have written: what is new is found again.
        changed = changed_rows(run.snapshot(), frame)
        reading.run, reading.changed = run.id, changed.height
        if changed.height:
            reading.version = run.commit(run.changes().put("datasets", changed)).version
        run.log(f"{source.name}: {reading.rows} rows, {reading.unknown} of unknown datasets, {reading.changed} changed")


@contextlib.contextmanager
def _on_record(source: AttributeSource, author: str, reading: Reading) -> Iterator[AttributeFetch]:
    row = AttributeFetch(source=source, author=author, started=timezone.now(), good=False)
    try:
        yield row
    except Exception as error:
        _keep(row, reading, error=str(error) or type(error).__name__)
        _note(source, row)
        raise
    except BaseException:
        # The process was told to end, which says nothing of the source.
        _keep(row, reading, error="interrupted")
        raise
    _keep(row, reading, good=True)
    _note(source, row)


def _keep(row: AttributeFetch, reading: Reading, good: bool = False, error: str = "") -> None:
    for name, value in vars(reading).items():
        setattr(row, name, value)
    row.good, row.error, row.ended = good, error, timezone.now()
    row.save()


def _note(source: AttributeSource, row: AttributeFetch) -> None:
    source.tried_at, source.error = row.ended, row.error
    if row.good:
        source.good_at, source.good_rows, source.failing_since = row.ended, row.rows, None
    else:
        source.failing_since = source.failing_since or row.ended
    source.save(update_fields=["tried_at", "error", "good_at", "good_rows", "failing_since"])
    old = source.fetches.values_list("pk", flat=True)[_KEPT:]
    AttributeFetch.objects.filter(pk__in=list(old)).delete()


def due(now: datetime) -> list[AttributeSource]:
    """Enabled sources that were not read for their number of hours; those that fail are tried again sooner."""
    found = []
    for source in AttributeSource.objects.filter(enabled=True):
        every = timedelta(hours=source.every)
        waits = min(every, _RETRY) if source.failing_since else every
        if source.tried_at is None or source.tried_at + waits <= now:
            found.append(source)
    return found


def trouble(source: AttributeSource, now: datetime) -> str:
    """What is wrong with the source's values, and since when; empty when nothing is."""
    if source.failing_since is not None:
        first = source.error.strip().splitlines()
        told = " ".join(part.strip() for part in first[:2])
        return f"fails since {source.failing_since:%Y-%m-%d %H:%M} UTC: {told}"
    if source.good_at is None:
        return "has not been read yet"
    if now - source.good_at > timedelta(hours=source.stale_after):
        return f"was last read {source.good_at:%Y-%m-%d %H:%M} UTC, more than {source.stale_after:g} hours ago"
    return ""


def troubled(now: datetime) -> list[tuple[AttributeSource, str]]:
    """Enabled sources that are in trouble, with what it is."""
    told = [(source, trouble(source, now)) for source in AttributeSource.objects.filter(enabled=True)]
    return [(source, text) for source, text in told if text]


def require(attributes: Collection[str], now: datetime) -> None:
    """Raise :class:`SourceInTrouble` where a source that gives one of the attributes is in trouble and stops cycles then."""
    problems = []
    for source, text in troubled(now):
        used = sorted(set(provides(source)) & set(attributes))
        if source.on_trouble == OnTrouble.STOP and used:
            problems.append(f"attribute source {source.name!r} ({', '.join(used)}) {text}")
    if problems:
        raise SourceInTrouble(
            f"not started, as the policy uses attributes that cannot be trusted: {'; '.join(problems)}. "
            f"Mend the source and run `manage.py sources run NAME`, or have its last good values used: "
            f"`on trouble` in the admin pages, under Attribute sources"
        )


def provides(source: AttributeSource) -> tuple[str, ...]:
    """The attributes that it gives; all where its configuration cannot be used."""
    try:
        return make(source.kind, source.configuration).provides()
    except SourceWrong:
        return ATTRIBUTES


def shown(source: AttributeSource, now: datetime) -> dict[str, Any]:
    """One source for pages and ``--json``; times in UTC seconds."""
    last = source.fetches.first()
    times = {name: getattr(source, name) for name in ("tried_at", "good_at", "failing_since")}
    return {
        "name": source.name, "kind": source.kind, "enabled": source.enabled, "provides": list(provides(source)),
        "on_trouble": str(source.on_trouble), "trouble": trouble(source, now) if source.enabled else "", "error": source.error,
        "every": source.every, "stale_after": source.stale_after, "rows": source.good_rows,
        "unknown": last.unknown if last else None, "changed": last.changed if last else None,
        **{name: int(value.timestamp()) if value else None for name, value in times.items()},
    }  # fmt: skip


def every_source(now: datetime) -> list[dict[str, Any]]:
    """All sources as :func:`shown`."""
    return [shown(source, now) for source in AttributeSource.objects.all()]


def named(name: str) -> AttributeSource:
    """The source of that name. Raises SourceWrong."""
    source = AttributeSource.objects.filter(name=name).first()
    if source is None:
        known = ", ".join(AttributeSource.objects.values_list("name", flat=True)) or "none"
        raise SourceWrong(
            f"there is no attribute source {name[:60]!r}; there are {known} (admin pages, Attribute sources)"
        )
    return source
