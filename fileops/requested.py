"""What was asked for directly: deletion requests, and copies that injections want; turned into subscriptions."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from django.db import transaction
from django.utils import timezone

from fileops.models import RequestedDeletion
from fileops.subscriptions import replica_deletions, subscribe_copies, subscribe_deletions
from inventory.changes import ChangeSet
from inventory.schema import NO_GROUP_NAME
from inventory.snapshot import Snapshot
from registry import requests, wanted
from registry.locks import locked
from registry.models import Request
from registry.naming import split_items
from scheduler.runs import WriterRun

_KEYS = ["dataset_id", "block_id", "site_id"]
OK, ABSENT, LOCKED = "", "not there", "a lock protects it"


@dataclass(frozen=True)
class CarriedOut:
    """Deletion requests that were turned into operations, and those that were refused."""

    activated: int = 0
    rejected: int = 0


def take_over_wanted_copies() -> int:
    """Subscribe the copies that applied injections want; returns how many."""
    taken = 0
    while not (rows := wanted.waiting()).is_empty():
        with transaction.atomic():
            for (author, cause), part in rows.group_by("author", "cause", maintain_order=True):
                subscribe_copies(part, str(author), str(cause))
            wanted.taken(rows["id"].to_list())
        taken += rows.height
    return taken


def are_deletions_waiting() -> bool:
    """Whether :func:`carry_out_deletions` has something to do."""
    return RequestedDeletion.objects.filter(committed=False).exists() or bool(requests.waiting_deletions())


def carry_out_deletions(run: WriterRun) -> CarriedOut:
    """Turn waiting deletion requests into subscriptions and give up the replicas, under the run's turn.

    What a killed run left half done is finished first. Locked replicas stay; a request of which nothing can be done
    is rejected with the reasons, else each action that cannot be done fails with its own.
    """
    for left in RequestedDeletion.objects.filter(committed=False).order_by("id"):
        _give_up(run, left)
    activated = rejected = 0
    for request in requests.waiting_deletions():
        record = _begin(run.snapshot(), request)
        if record is None:
            rejected += 1
        else:
            activated += 1
            _give_up(run, record)
    return CarriedOut(activated, rejected)


def _begin(snapshot: Snapshot, request: Request) -> RequestedDeletion | None:
    """Answer the request and subscribe its deletions, in one transaction; None: there is nothing that can be done."""
    actions = [(item.item, site.site) for item in request.items.all() for site in request.sites.all()]
    judged = judge(snapshot, actions, locked(snapshot, int(timezone.now().timestamp())))
    fit = judged.filter(pl.col("reason") == OK)
    with transaction.atomic():
        if fit.is_empty():
            requests.reject(request, "; ".join(_told(judged)) or "it names nothing")
            return None
        requests.activate(request, actions)
        for item, site, reason in judged.select("item", "site", "reason").unique(maintain_order=True).iter_rows():
            if reason == OK:
                requests.queue_action(request, item, site)
            else:
                requests.finish_action(request, item, site, failed=True, reason=reason)
        files, _ = replica_deletions(snapshot, fit.select(_KEYS))
        subscribe_deletions(files, request.user, f"deletion request {request.pk}")
        return RequestedDeletion.objects.create(request=request.pk, actions=[*map(list, _actions(fit))])


def _told(judged: pl.DataFrame) -> list[str]:
    rows = judged.select("item", "site", "reason").unique(maintain_order=True).iter_rows()
    return [f"{item} at {site}: {reason}" for item, site, reason in rows]


def _actions(judged: pl.DataFrame) -> list[tuple[str, str]]:
    return judged.select("item", "site").unique(maintain_order=True).rows()


def judge(snapshot: Snapshot, actions: list[tuple[str, str]], protected: pl.DataFrame) -> pl.DataFrame:
    """Block replicas of actions (item, site): item, site, dataset_id, block_id, site_id, reason; pure.

    ``reason`` is empty where the action can be done. An item with a locked block replica stays as a whole; one that is
    not there has one row without ids.
    """
    asked = pl.DataFrame(actions, schema={"item": pl.String, "site": pl.String}, orient="row")
    named = asked.with_columns(split_items(block="only"))
    datasets = snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"))
    sites = snapshot.table("sites").select("site_id", pl.col("name").alias("site"))
    placed = named.lazy().join(datasets, on="dataset").join(sites, on="site").collect()
    ids = placed["dataset_id"].unique().implode()
    replicas = snapshot.table("block_replicas").filter(pl.col("dataset_id").is_in(ids)).select(_KEYS)
    blocks = snapshot.table("blocks").select("block_id", pl.col("name").alias("block"))
    found = placed.lazy().join(replicas, on=["dataset_id", "site_id"]).join(blocks, on="block_id")
    there = found.filter(pl.col("only").is_null() | (pl.col("only") == pl.col("block"))).collect()
    bolted = there.join(protected, on=_KEYS, how="semi").select("item", "site", pl.lit(LOCKED).alias("reason")).unique()
    there = there.join(bolted, on=["item", "site"], how="left").with_columns(pl.col("reason").fill_null(OK))
    whole = asked.unique(maintain_order=True).join(
        there.select("item", "site", *_KEYS, "reason"), on=["item", "site"], how="left", maintain_order="left"
    )
    return whole.with_columns(pl.col("reason").fill_null(ABSENT))


def _give_up(run: WriterRun, record: RequestedDeletion) -> None:
    """Tell the inventory that the replicas are nobody's now, and that those without any file are gone."""
    snapshot = run.snapshot()
    fit = judge(snapshot, [(item, site) for item, site in record.actions], pl.DataFrame(schema=_no_locks(snapshot)))
    going = fit.filter(pl.col("reason") == OK)
    changes = given_up(snapshot, going, run.changes(transaction=f"fileops-request-{record.request}-{record.pk}"))
    if not changes.is_empty():
        run.commit(changes)
    record.committed = True
    record.save(update_fields=["committed"])


def _no_locks(snapshot: Snapshot) -> pl.Schema:
    schema = snapshot.table("block_replicas").collect_schema()
    return pl.Schema({name: schema[name] for name in _KEYS})


def given_up(snapshot: Snapshot, going: pl.DataFrame, changes: ChangeSet) -> ChangeSet:
    """``changes`` with what giving up block replicas (item, site and ids) means for the inventory."""
    if going.is_empty():
        return changes
    _, bare = replica_deletions(snapshot, going.select(_KEYS))
    datasets = snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"))
    blocks = snapshot.table("blocks").select("block_id", pl.col("name").alias("block"))
    named = going.lazy().join(datasets, on="dataset_id").join(blocks, on="block_id").collect()
    names = ["dataset", "block", "site"]
    kept = named.join(bare, on=names, how="anti").select(*names, pl.lit(NO_GROUP_NAME).alias("group"))
    whole = named.filter(~pl.col("item").str.contains("#", literal=True)).select("dataset", "site").unique()
    remaining = whole.join(kept, on=["dataset", "site"], how="semi")
    changes.put("block_replicas", kept.unique()).delete("block_replicas", bare)
    changes.put("dataset_replicas", remaining.with_columns(pl.lit(False).alias("growing")))
    return changes.delete("dataset_replicas", whole.join(remaining, on=["dataset", "site"], how="anti"))
