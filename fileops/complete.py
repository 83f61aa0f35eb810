"""What was done is told to the inventory, in bulk: one change set for everything that ended since the last time.

Rows are tied to a :class:`Completion` first; its transaction id makes the inventory apply them once, whatever dies when.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from django.db import transaction
from django.utils import timezone

from fileops import presence
from fileops.lifecycle import OPEN, State
from fileops.models import Completion, Operation, Subscription
from inventory.changes import ChangeSet
from inventory.snapshot import Snapshot
from scheduler.runs import WriterRun

_FILE = ["dataset", "block", "site", "lfn"]
_BLOCK = ["dataset", "block", "site"]
_DONE = pl.Schema(
    {"dataset": pl.String, "block": pl.String, "site": pl.String, "lfn": pl.String, "operation": pl.String}
)
_CHUNK = 500


@dataclass(frozen=True)
class Reported:
    """Files and replicas told to the inventory."""

    copied: int = 0
    deleted: int = 0
    block_replicas: int = 0
    dataset_replicas: int = 0


@dataclass(frozen=True)
class Changes:
    """What a completion changes, in names: files that came and went, replicas that are over."""

    came: pl.DataFrame
    went: pl.DataFrame
    block_replicas: pl.DataFrame
    dataset_replicas: pl.DataFrame

    def put_into(self, changes: ChangeSet) -> ChangeSet:
        """Add them to a change set."""
        changes.put("replica_files", self.came).delete("replica_files", self.went)
        changes.delete("block_replicas", self.block_replicas)
        return changes.delete("dataset_replicas", self.dataset_replicas)


def is_anything_done() -> bool:
    """Whether there is something to report."""
    return Subscription.objects.filter(state=State.DONE, reported=False).exclude(dataset="").exists() or (
        Completion.objects.filter(version__isnull=True).exists()
    )


def report(run: WriterRun, limit: int) -> Reported:
    """Report up to ``limit`` files under the run's turn to write; first what an earlier, killed report left."""
    # What the inventory does not know needs no report.
    Subscription.objects.filter(state=State.DONE, reported=False, dataset="").update(reported=True)
    completion = Completion.objects.filter(version__isnull=True).order_by("id").first() or _collect(limit)
    if completion is None:
        return Reported()
    done = _last_of_each(completion)
    changes = changes_for(run.snapshot(), done, _still_open(done))
    changeset = changes.put_into(run.changes(transaction=f"fileops-{completion.transaction}"))
    version = 0 if changeset.is_empty() else run.commit(changeset).version
    with transaction.atomic():
        Subscription.objects.filter(completion=completion).update(reported=True)
        completion.version = version
        completion.save(update_fields=["version"])
    return Reported(
        changes.came.height, changes.went.height, changes.block_replicas.height, changes.dataset_replicas.height
    )


@transaction.atomic
def _collect(limit: int) -> Completion | None:
    rows = Subscription.objects.filter(state=State.DONE, reported=False, completion=None).order_by("id")
    ids = list(rows.values_list("id", flat=True)[:limit])
    if not ids:
        return None
    completion = Completion.objects.create(created=timezone.now())
    for start in range(0, len(ids), _CHUNK):
        Subscription.objects.filter(pk__in=ids[start : start + _CHUNK]).update(completion=completion)
    return completion


def _last_of_each(completion: Completion) -> pl.DataFrame:
    """The completion's files, each as its last operation left it."""
    rows = Subscription.objects.filter(completion=completion).order_by("id").values_list(*_DONE.names())
    done = pl.DataFrame(list(rows), schema=_DONE, orient="row")
    return done.unique(["site", "lfn"], keep="last", maintain_order=True)


def _still_open(done: pl.DataFrame) -> pl.DataFrame:
    """Blocks at sites (dataset, block, site) of ``done`` for which operations are open, or done and not in it."""
    deleted = done.filter(pl.col("operation") == Operation.DELETE.value)
    found: list[tuple[str, str, str]] = []
    names = deleted["dataset"].unique().to_list()
    for start in range(0, len(names), _CHUNK):
        rows = Subscription.objects.filter(dataset__in=names[start : start + _CHUNK])
        unfinished = rows.filter(state__in=OPEN) | rows.filter(state=State.DONE, completion=None, reported=False)
        found += unfinished.values_list(*_BLOCK).distinct()
    return pl.DataFrame(found, schema=dict.fromkeys(_BLOCK, pl.String), orient="row")


def changes_for(snapshot: Snapshot, done: pl.DataFrame, still_open: pl.DataFrame) -> Changes:
    """What ``done`` (columns dataset, block, site, lfn, operation) means for the inventory; pure.

    Only what ``snapshot`` still knows is changed. A block replica is over when files of it were deleted, none is left
    and nothing is open for it (``still_open``: dataset, block, site); a dataset replica when its last block
    replica is over and it is not growing.
    """
    files = presence.known(snapshot, done).select("dataset", "block", "lfn")
    replicas = presence.replicas_of(snapshot, done)
    valid = done.join(files, on=["dataset", "block", "lfn"], how="semi").join(replicas, on=_BLOCK, how="semi")
    came = valid.filter(pl.col("operation") == "copy").select(_FILE)
    went = valid.filter(pl.col("operation") == "delete").select(_FILE)
    # Also of files that were invalidated meanwhile: their deletion may have been the last thing to wait for.
    touched = done.filter(pl.col("operation") == "delete").select(_BLOCK).unique()
    over = _emptied(snapshot, replicas.join(touched, on=_BLOCK, how="semi"), came, went, still_open)
    return Changes(came, went, over.select(_BLOCK), _left_bare(snapshot, over))


def _emptied(
    snapshot: Snapshot, touched: pl.DataFrame, came: pl.DataFrame, went: pl.DataFrame, still_open: pl.DataFrame
) -> pl.DataFrame:
    present = presence.in_replicas(snapshot, touched).join(went, on=_FILE, how="anti").select(_BLOCK)
    kept = pl.concat([present, came.select(_BLOCK), still_open.select(_BLOCK)]).unique()
    return touched.join(kept, on=_BLOCK, how="anti", maintain_order="left")


def _left_bare(snapshot: Snapshot, over: pl.DataFrame) -> pl.DataFrame:
    """Dataset replicas (dataset, site) of which no block replica is left, and that shall not grow."""
    keys = ["dataset_id", "site_id"]
    candidates = over.select("dataset", "site", *keys).unique()
    ids = candidates["dataset_id"].unique().implode()
    blocks = snapshot.table("block_replicas").filter(pl.col("dataset_id").is_in(ids))
    left = blocks.join(over.lazy(), on=[*keys, "block_id"], how="anti").select(keys)
    growing = snapshot.table("dataset_replicas").filter("growing").select(keys)
    bare = candidates.lazy().join(left, on=keys, how="anti").join(growing, on=keys, how="anti")
    return bare.select("dataset", "site").sort("dataset", "site").collect()
