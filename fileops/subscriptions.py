"""What the engines call: write subscriptions in the transaction that records the decision, and ask what is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from django.db import models, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from fileops.lifecycle import OPEN, State
from fileops.models import Operation, Subscription, file_key
from fileops.presence import in_replicas, not_in_replicas, with_names
from inventory.snapshot import Snapshot

FILES = pl.Schema(
    {
        "dataset": pl.String,
        "block": pl.String,
        "lfn": pl.String,
        "site": pl.String,
        "size": pl.Int64,
        "adler32": pl.UInt32,
    }
)
"""Columns of what is subscribed; size in bytes, adler32 null where it is not known."""

_CHUNK = 500


@dataclass(frozen=True)
class Subscribed:
    """How many subscriptions were made, were there already, and were cancelled because they wanted the opposite."""

    made: int
    existing: int
    cancelled: int


def subscribe_copies(files: pl.DataFrame, author: str, cause: str = "") -> Subscribed:
    """Want ``files`` (columns of ``FILES``) at their sites; open deletions of the same files there are cancelled.

    ``cause`` says what asked, e.g. ``request 12``. Call it inside ``transaction.atomic()``, with the decision's record.
    """
    return subscribe(files, Operation.COPY, author, cause)


def subscribe_deletions(files: pl.DataFrame, author: str, cause: str = "") -> Subscribed:
    """Want ``files`` gone from their sites; open copies of the same files there are cancelled. Otherwise as above."""
    return subscribe(files, Operation.DELETE, author, cause)


def subscribe(files: pl.DataFrame, operation: str, author: str, cause: str) -> Subscribed:
    """The common part; rows that are doubled in ``files`` count once."""
    if not transaction.get_connection().in_atomic_block:
        raise TransactionManagementError(
            "subscriptions are written in the transaction of the decision: use transaction.atomic()"
        )
    rows = {file_key(row["site"], row["lfn"]): row for row in files.iter_rows(named=True)}
    now = timezone.now()
    existing, cancelled = _meet_open(list(rows), operation, now)
    fresh = [_row(key, row, operation, author, cause, now) for key, row in rows.items() if key not in existing]
    Subscription.objects.bulk_create(fresh, batch_size=_CHUNK)
    return Subscribed(len(fresh), len(existing), cancelled)


def _meet_open(keys: Sequence[str], operation: str, now: datetime) -> tuple[set[str], int]:
    """Keys which have an open subscription of the same kind, and how many opposite ones were cancelled."""
    existing: set[str] = set()
    cancelled = 0
    for chunk in _chunks(keys):
        opened = Subscription.objects.filter(open_key__in=chunk)
        existing.update(opened.filter(operation=operation).values_list("key", flat=True))
        opposite = opened.exclude(operation=operation)
        cancelled += cancel(opposite, f"{operation} wanted", now)
    return existing, cancelled


def without_open(files: pl.DataFrame) -> pl.DataFrame:
    """Those of ``files`` (lfn, site: String) for which nothing is open at their sites."""
    keys = [file_key(*row) for row in files.select("site", "lfn").iter_rows()]
    taken: set[str] = set()
    for chunk in _chunks(keys):
        taken.update(Subscription.objects.filter(open_key__in=chunk).values_list("key", flat=True))
    return files.filter(pl.Series([key not in taken for key in keys], dtype=pl.Boolean))


def cancel(rows: models.QuerySet[Subscription], message: str, now: datetime | None = None) -> int:
    """Cancel those of ``rows`` that are open; what a backend has in its hands is left to it to notice."""
    return rows.filter(state__in=OPEN).update(
        state=State.CANCELLED, open_key=None, message=message, updated=now or timezone.now()
    )


def _row(key: str, row: dict[str, Any], operation: str, author: str, cause: str, now: datetime) -> Subscription:
    return Subscription(
        key=key, open_key=key, operation=operation, author=author, cause=cause, created=now, updated=now,
        site=row["site"], lfn=row["lfn"], dataset=row.get("dataset") or "", block=row.get("block") or "",
        size=row.get("size") or 0, adler32=row.get("adler32"),
    )  # fmt: skip


def replica_deletions(snapshot: Snapshot, replicas: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What deleting block replicas (dataset_id, block_id, site_id) takes: ``(files, bare)``.

    ``files`` (columns of ``FILES``): files present there or on their way (a deletion cancels their copies).
    ``bare`` (dataset, block, site: String): replicas without any; delete them from the inventory at once.
    """
    present = in_replicas(snapshot, replicas)
    coming = _being_copied(not_in_replicas(snapshot, replicas))
    files = pl.concat([present, coming])
    names = with_names(snapshot, replicas.lazy()).select("dataset", "block", "site").collect()
    bare = names.join(files, on=["dataset", "block", "site"], how="anti", maintain_order="left")
    return files.select(FILES.names()), bare


def missing_files(snapshot: Snapshot, replicas: pl.DataFrame) -> pl.DataFrame:
    """Files (columns of ``FILES``) of the blocks of ``replicas`` (dataset_id, block_id, site_id) not present there: to copy."""
    return not_in_replicas(snapshot, replicas).select(FILES.names())


def open_operations(site: str | None = None) -> pl.DataFrame:
    """Frame (site, lfn, operation: String) of all that is to be done or was done and is not yet in the inventory."""
    rows = Subscription.objects.filter(
        models.Q(state__in=OPEN) | models.Q(state=State.DONE, reported=False) | models.Q(batch__isnull=False)
    )
    if site is not None:
        rows = rows.filter(site=site)
    schema = {"site": pl.String, "lfn": pl.String, "operation": pl.String}
    return pl.DataFrame(list(rows.values_list("site", "lfn", "operation")), schema=schema, orient="row")


def _being_copied(files: pl.DataFrame) -> pl.DataFrame:
    """Those of ``files`` to which a copy is open, or arrived and is not yet in the inventory."""
    if files.is_empty():
        return files
    keys = [file_key(*row) for row in files.select("site", "lfn").iter_rows()]
    found: set[str] = set()
    for chunk in _chunks(keys):
        rows = Subscription.objects.filter(key__in=chunk, operation=Operation.COPY)
        rows = rows.filter(models.Q(state__in=OPEN) | models.Q(state=State.DONE, reported=False))
        found.update(rows.values_list("key", flat=True))
    return files.filter(pl.Series([key in found for key in keys]))


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
