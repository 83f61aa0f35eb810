"""Subscriptions that got lost: replicas that shall be complete, are not, and for which nothing is open. Made again."""

from __future__ import annotations

import polars as pl
from django.db import transaction
from django.utils import timezone

from fileops.lifecycle import OPEN, State
from fileops.models import Subscription
from fileops.settings import FileopsSettings
from fileops.subscriptions import missing_files, subscribe_copies, without_open
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot
from scheduler.runs import WriterRun

CAUSE = "its subscription was lost"
_BLOCK = ["dataset", "block", "site"]
_KEYS = ["dataset_id", "block_id", "site_id"]


def remake(run: WriterRun, settings: FileopsSettings) -> int:
    """Subscribe the missing files of such replicas again; returns how many. Under the run's turn no engine is half-way."""
    snapshot = run.snapshot()
    rows = Subscription.objects.exclude(dataset="").filter(state__in=OPEN).values_list(*_BLOCK)
    unreported = Subscription.objects.exclude(dataset="").filter(state=State.DONE, reported=False).values_list(*_BLOCK)
    names = list(rows.union(unreported))
    busy = pl.DataFrame(names, schema=dict.fromkeys(_BLOCK, pl.String), orient="row")
    files = missing_files(snapshot, forgotten(snapshot, busy, int(timezone.now().timestamp() - settings.lost_after)))
    with transaction.atomic():
        return subscribe_copies(without_open(files), "fileops", CAUSE).made


def forgotten(snapshot: Snapshot, busy: pl.DataFrame, before: int) -> pl.DataFrame:
    """Incomplete block replicas (dataset_id, block_id, site_id) that somebody owns and nothing is open for; pure.

    ``busy``: dataset, block, site with something open; ``before``: only those that did not change since, UTC seconds.
    """
    replicas = snapshot.named("block_replicas").filter(
        ~pl.col("complete"), pl.col("group_id") != NO_GROUP_ID, pl.col("last_update") < before
    )
    datasets = snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"))
    named = replicas.select(*_KEYS, "block", "site").join(datasets, on="dataset_id")
    return named.join(busy.lazy(), on=_BLOCK, how="anti").select(_KEYS).sort(_KEYS).collect()
