"""Follows activated requests: which actions have come to their end in the inventory; pure but for :func:`track`."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from django.db import transaction
from django.utils import timezone

from inventory.snapshot import Snapshot
from registry.lifecycle import ACTION, OPEN_ACTION, before
from registry.models import Request, RequestAction, RequestKind
from registry.naming import split_items
from registry.requests import complete_finished

ACTIONS = pl.Schema({"action": pl.Int64, "kind": pl.String, "item": pl.String, "site": pl.String})
_KEYS = ["dataset_id", "site_id"]


@dataclass(frozen=True)
class Tracked:
    """What a tracker run did, in numbers."""

    completed_actions: int
    failed_actions: int
    completed_requests: int


def are_open() -> bool:
    """Whether there is anything for :func:`track`."""
    return Request.objects.filter(status="activated").exists()


def track(snapshot: Snapshot) -> Tracked:
    """Complete actions whose replicas are complete (copies) or gone (deletions), then requests without open actions."""
    rows = RequestAction.objects.filter(status__in=OPEN_ACTION).values_list("id", "request__kind", "item", "site")
    ended = judged(pl.DataFrame(list(rows), ACTIONS, orient="row"), snapshot)
    now = timezone.now()
    with transaction.atomic():
        counts = {}
        for event, status in (("complete", "completed"), ("fail", "failed")):
            chosen = ended.filter(pl.col("event") == event)["action"].to_list()
            reason = "the item or the site does not exist any more" if event == "fail" else ""
            found = RequestAction.objects.filter(pk__in=chosen, status__in=before(ACTION, event))
            counts[event] = found.update(status=status, reason=reason, updated=now)
        return Tracked(counts["complete"], counts["fail"], complete_finished(now))


def judged(actions: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """The actions that ended: action, event ("complete" or "fail"). ``actions``: as ``ACTIONS``."""
    found = _with_ids(actions, snapshot)
    counts = _counts(found, snapshot)
    gone = (
        pl.col("dataset_id").is_null()
        | pl.col("site_id").is_null()
        | (pl.col("is_block") & pl.col("block_id").is_null())
    )
    whole_copy = pl.col("has_replica") & (pl.col("num_complete") == pl.col("num_blocks"))
    copied = pl.when("is_block").then(pl.col("num_complete") > 0).otherwise(whole_copy)
    deleted = (pl.col("num_replicas") == 0) & (pl.col("is_block") | ~pl.col("has_replica"))
    event = (
        pl.when(pl.col("kind") == RequestKind.DELETION)
        .then(pl.when(gone | deleted).then(pl.lit("complete")))
        .otherwise(pl.when(gone).then(pl.lit("fail")).when(copied).then(pl.lit("complete")))
    )
    return counts.select("action", event=event).filter(pl.col("event").is_not_null())


def _with_ids(actions: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """The actions with dataset_id, block_id and site_id (null: no such), and whether each is about a block."""
    split = actions.with_columns(split_items())
    names = split["dataset"].unique().implode()
    datasets = (
        snapshot.table("datasets").filter(pl.col("name").is_in(names)).select("dataset_id", dataset="name").collect()
    )
    sites = snapshot.frame("sites").select("site_id", site="name")
    split = split.join(datasets, on="dataset", how="left").join(sites, on="site", how="left")
    blocks = _of(snapshot, "blocks", datasets).select("dataset_id", "block_id", block="name")
    return split.join(blocks, on=["dataset_id", "block"], how="left").with_columns(
        is_block=pl.col("block").is_not_null()
    )


def _of(snapshot: Snapshot, table: str, datasets: pl.DataFrame) -> pl.DataFrame:
    ids = datasets["dataset_id"].drop_nulls().unique().implode()
    return snapshot.table(table).filter(pl.col("dataset_id").is_in(ids)).collect()


def _counts(found: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """num_blocks of the dataset; num_replicas, num_complete there (of the block, if it is about one); has_replica."""
    num_blocks = _of(snapshot, "blocks", found).group_by("dataset_id").agg(num_blocks=pl.len())
    replicas = _of(snapshot, "block_replicas", found)
    held = [pl.len().alias("num_replicas"), pl.col("complete").sum().alias("num_complete")]
    by_block = replicas.group_by("dataset_id", "block_id", "site_id").agg(held)
    by_dataset = replicas.group_by(_KEYS).agg(held)
    dataset_replicas = _of(snapshot, "dataset_replicas", found).select(*_KEYS, has_replica=pl.lit(True))
    of_blocks = found.filter("is_block").join(by_block, on=["dataset_id", "block_id", "site_id"], how="left")
    of_datasets = found.filter(~pl.col("is_block")).join(by_dataset, on=_KEYS, how="left")
    return (
        pl.concat([of_blocks, of_datasets])
        .join(num_blocks, on="dataset_id", how="left")
        .join(dataset_replicas, on=_KEYS, how="left")
        .with_columns(
            pl.col("num_blocks", "num_replicas", "num_complete").fill_null(0), pl.col("has_replica").fill_null(False)
        )
    )
