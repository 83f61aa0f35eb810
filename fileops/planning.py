"""One look at all that waits: what is settled, what is held and why, what is let go again, and what goes into batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl
from django.db.models import QuerySet

from fileops import batches, presence, sources, verdicts, waiting
from fileops.lifecycle import WAITING, Event, Reason, State
from fileops.models import Operation, Subscription
from fileops.settings import FileopsSettings
from inventory.snapshot import Snapshot
from registry.locks import locked

_REVIEWED = 50_000
_PUT_OFF = 60.0
_CHUNK = 500


@dataclass
class Planned:
    """Numbers of files by what happened to them."""

    released: int = 0
    cancelled: int = 0
    found: int = 0
    waiting: int = 0
    batched: int = 0
    held: dict[str, int] = field(default_factory=dict)

    def hold(self, reason: str, count: int) -> None:
        if count:
            self.held[reason] = self.held.get(reason, 0) + count


def plan(snapshot: Snapshot, settings: FileopsSettings, now: datetime, seed: int, *, review: bool = True) -> Planned:
    """Hold, release, settle and batch; ``seed`` drives the choice among equal sources.

    ``review``: look for new sources of held files, too; only a new version of the inventory can have any.
    """
    planned = Planned()
    sites = snapshot.frame("sites").select("name", "status")
    ready = set(sites.filter(pl.col("status") == "READY")["name"])
    planned.released = _release(snapshot, ready, settings, now)
    # Locks may be newer than batches: the mover drops what is not in its batch any more.
    in_batches = Subscription.objects.filter(state=State.INBATCH, operation=Operation.DELETE)
    _hold_locked(snapshot, waiting.frame_of(in_batches), now, planned)
    if review:
        held = Subscription.objects.filter(state=State.HELD, reason__in=[Reason.NO_SOURCE, Reason.ALL_FAILED])
        planned.released += waiting.happen(Event.RELEASED, _sourced(snapshot, held, seed), message="")
    for site in waiting.sites_with(WAITING):
        if site not in ready:
            planned.hold(Reason.SITE_UNAVAILABLE, _hold_site(site, set(sites["name"])))
    files = _ready_to_go(ready, settings, now)
    if files.height:
        _judged(snapshot, files, settings, now, seed, planned)
    return planned


def _hold_site(site: str, known: set[str]) -> int:
    ids = list(Subscription.objects.filter(site=site, state__in=WAITING).values_list("id", flat=True))
    message = "the site's status is not READY" if site in known else "the site is not in the inventory"
    return waiting.happen(Event.HOPELESS, ids, Reason.SITE_UNAVAILABLE, message)


def _ready_to_go(ready: set[str], settings: FileopsSettings, now: datetime) -> pl.DataFrame:
    """What may be begun, within each site's limit of pending files."""
    pending = waiting.pending_at_sites()
    parts = [
        waiting.ready_to_go(site, settings.max_pending - pending.get(site, 0), now)
        for site in waiting.sites_with(WAITING)
        if site in ready and pending.get(site, 0) < settings.max_pending
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=waiting.WAITING_FILES)


def _judged(
    snapshot: Snapshot, files: pl.DataFrame, settings: FileopsSettings, now: datetime, seed: int, planned: Planned
) -> None:
    judged = judge(snapshot, files, now, settings.replica_grace)
    for event in (Event.CANCELLED, Event.FOUND):
        for (message,), part in judged.filter(pl.col("verdict") == event).group_by("message"):
            count = waiting.happen(event, part["id"], message=str(message))
            if event is Event.FOUND:
                planned.found += count
            else:
                planned.cancelled += count
    go = judged.filter(pl.col("verdict") == verdicts.GO)
    copies = _with_sources(snapshot, go.filter(pl.col("operation") == "copy"), seed, planned)
    deletions = _unlocked(snapshot, go.filter(pl.col("operation") == "delete"), now, planned)
    columns = ["id", "site", "lfn", "operation", "source"]
    chosen = pl.concat([copies.select(columns), deletions.select(columns)])
    planned.batched = batches.make(chosen, settings.batch_size, now)
    # Whatever cannot go yet makes room at the head of the queue.
    idle = [*judged.filter(pl.col("verdict") == verdicts.WAIT)["id"], *chosen["id"]]
    planned.waiting = _put_off(idle, now)


def judge(snapshot: Snapshot, files: pl.DataFrame, now: datetime, grace: float) -> pl.DataFrame:
    """``files`` with their verdicts (see ``verdicts.judge``) by ``snapshot``."""
    managed = files.filter(pl.col("dataset") != "")
    replicas = presence.replicas_of(snapshot, managed.select("dataset", "block", "site"))
    present = presence.in_replicas(snapshot, replicas).select("lfn", "site")
    absent = presence.not_in_replicas(snapshot, replicas).select("lfn", "site")
    orphans = files.filter(pl.col("dataset") == "").select("lfn", "site")
    known = pl.concat([present, absent, presence.of_blocks_at_sites(snapshot, orphans)]).unique()
    exists = replicas.select("dataset", "block", "site")
    return verdicts.judge(files, exists, present, known, now, grace)


def _with_sources(snapshot: Snapshot, copies: pl.DataFrame, seed: int, planned: Planned) -> pl.DataFrame:
    """``copies`` that have a source, with it; the others are held."""
    chosen = _sources(snapshot, copies, seed)
    for reason in (Reason.NO_SOURCE, Reason.ALL_FAILED):
        ids = chosen.filter(pl.col("reason") == reason.value)["id"]
        planned.hold(reason, waiting.happen(Event.HOPELESS, ids, reason))
    found = chosen.filter(pl.col("source").is_not_null()).select("id", "source")
    return copies.join(found, on="id", maintain_order="left")


def _sources(snapshot: Snapshot, copies: pl.DataFrame, seed: int) -> pl.DataFrame:
    holders = presence.holders(snapshot, copies)
    going = waiting.in_hand().filter(pl.col("operation") == "delete").select("lfn", "site")
    attempts = waiting.failed_attempts(copies.filter(pl.col("attempts") > 0)["id"].to_list())
    return sources.choose(copies, holders.join(going, on=["lfn", "site"], how="anti"), attempts, seed)


def _unlocked(snapshot: Snapshot, deletions: pl.DataFrame, now: datetime, planned: Planned) -> pl.DataFrame:
    """``deletions`` that no lock forbids; the others are held. A lock may be newer than the decision."""
    kept = _hold_locked(snapshot, deletions, now, planned)
    free = deletions.join(kept, on="id", how="anti", maintain_order="left")
    return free.with_columns(pl.lit("").alias("source"))


def _hold_locked(snapshot: Snapshot, deletions: pl.DataFrame, now: datetime, planned: Planned) -> pl.DataFrame:
    """Hold those of ``deletions`` that a lock forbids; their ids."""
    kept = _locked(snapshot, deletions, now)
    planned.hold(Reason.LOCKED, waiting.happen(Event.HOPELESS, kept["id"], Reason.LOCKED, "the replica is locked"))
    return kept


def _locked(snapshot: Snapshot, deletions: pl.DataFrame, now: datetime) -> pl.DataFrame:
    if deletions.is_empty():
        return deletions.select("id")
    replicas = presence.replicas_of(snapshot, deletions.select("dataset", "block", "site"))
    keys = ["dataset_id", "block_id", "site_id"]
    covered = replicas.join(locked(snapshot, int(now.timestamp())), on=keys, how="semi")
    return deletions.join(covered, on=["dataset", "block", "site"], how="semi").select("id")


def _put_off(ids: list[int], now: datetime) -> int:
    until = now + timedelta(seconds=_PUT_OFF)
    return sum(
        Subscription.objects.filter(pk__in=ids[start : start + _CHUNK], state__in=WAITING).update(not_before=until)
        for start in range(0, len(ids), _CHUNK)
    )


def _release(snapshot: Snapshot, ready: set[str], settings: FileopsSettings, now: datetime) -> int:
    """Let go what was held for a reason that has passed."""
    held = Subscription.objects.filter(state=State.HELD)
    returned = held.filter(reason=Reason.SITE_UNAVAILABLE, site__in=ready)
    rested = held.filter(reason=Reason.DESTINATION_FULL, updated__lt=now - timedelta(seconds=settings.full_retry))
    ids = [*returned.values_list("id", flat=True), *rested.values_list("id", flat=True)]
    # One that was held while a mover had begun with it waits for the outcome.
    bolted = waiting.frame_of(held.filter(reason=Reason.LOCKED, batch=None)[:_REVIEWED])
    ids += bolted.join(_locked(snapshot, bolted, now), on="id", how="anti")["id"].to_list()
    return waiting.happen(Event.RELEASED, ids, message="")


def _sourced(snapshot: Snapshot, held: QuerySet[Subscription], seed: int) -> list[int]:
    """Ids of copies held for want of a source that have one now."""
    copies = waiting.frame_of(held.order_by("id")[:_REVIEWED])
    if copies.is_empty():
        return []
    return _sources(snapshot, copies, seed).filter(pl.col("source").is_not_null())["id"].to_list()
