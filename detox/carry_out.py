"""Carrying out what a cycle decided, site by site, so that being killed anywhere loses and doubles nothing.

For each site: one database transaction marks it as recorded and subscribes the deletions; then its change set is committed
under an id by which the inventory recognises a repeated one; then it is marked as committed. A recorded site of a killed cycle is
finished by the next run; a site that was only planned is dropped, as the next cycle decides anew on what is true then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl
from django.db import transaction
from django.utils import timezone

from detox import history
from detox.models import Cycle, CycleSite, CycleState, SiteState
from fileops.subscriptions import replica_deletions, subscribe_deletions
from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused
from inventory.parquet import FrameDamaged
from inventory.schema import NO_GROUP_NAME
from inventory.snapshot import Snapshot
from inventory.units import volume
from scheduler.runs import WriterRun

_KEYS = ["dataset", "block", "site"]
_DROPPED = "not done: the cycle was interrupted before it came to this site; the next one decides anew"


def carry_out(cycle: Cycle, run: WriterRun, snapshot: Snapshot) -> None:
    """Do what is planned or recorded at every site, in order of name; ``snapshot`` is the newest, which this turn keeps so."""
    waiting = cycle.sites.filter(state__in=[SiteState.PLANNED, SiteState.RECORDED]).order_by("site")
    if waiting.exists():
        work = _work(cycle, snapshot, [row.site for row in waiting])
        for site in waiting:
            _carry_out_site(cycle, site, run, work.at(site.site))
    cycle.state, cycle.ended = CycleState.DONE, timezone.now()
    cycle.save(update_fields=["state", "ended"])


def finish_interrupted(run: WriterRun) -> list[Cycle]:
    """Finish what killed cycles left, whatever their partition; returns those that had begun to carry out."""
    Cycle.objects.filter(state=CycleState.DECIDING, test=False).update(
        state=CycleState.FAILED, ended=timezone.now(), error="interrupted before it had decided; it changed nothing"
    )
    # A test run needs no turn, so one may be going on now; after a day it is not.
    yesterday = timezone.now() - timedelta(days=1)
    Cycle.objects.filter(state=CycleState.DECIDING, test=True, started__lt=yesterday).update(
        state=CycleState.FAILED, ended=timezone.now(), error="interrupted"
    )
    left = list(Cycle.objects.filter(state=CycleState.COMMITTING).order_by("id"))
    for cycle in left:
        run.log(f"{cycle} was interrupted; finishing it")
        cycle.sites.filter(state=SiteState.PLANNED).update(state=SiteState.DROPPED, reason=_DROPPED)
        try:
            carry_out(cycle, run, run.snapshot())
        except (history.NotKept, FrameDamaged) as error:
            _give_up(cycle, run, str(error))
    return left


def _give_up(cycle: Cycle, run: WriterRun, why: str) -> None:
    """What was to be done there is not known any more, and no cycle would ever come past it: shown, and left to people."""
    run.log(f"{cycle} cannot be finished: {why}")
    for site in cycle.sites.filter(state=SiteState.RECORDED):
        site.state, site.reason = SiteState.REFUSED, f"{site.reason}; not told to the inventory: {why}"
        site.save(update_fields=["state", "reason"])
    cycle.state, cycle.ended, cycle.error = CycleState.FAILED, timezone.now(), f"interrupted, cannot be finished: {why}"
    cycle.save(update_fields=["state", "ended", "error"])


@dataclass(frozen=True)
class Work:
    """``plan``: rows of :func:`still_true`; ``files`` to delete and ``bare`` replicas without any, as fileops tells them."""

    plan: pl.DataFrame
    files: pl.DataFrame
    bare: pl.DataFrame

    def at(self, site: str) -> Work:
        """The part of one site."""
        return Work(*(frame.filter(pl.col("site") == site) for frame in (self.plan, self.files, self.bare)))


def _work(cycle: Cycle, snapshot: Snapshot, sites: list[str]) -> Work:
    """Looked up for all sites together: every look-up goes through all replicas and files of the inventory."""
    plan = history.scan(cycle.pk, "plan").filter(pl.col("site").is_in(sites)).collect()
    plan = still_true(plan, snapshot)
    going = plan.filter("deleted", pl.col("block_id").is_not_null())
    files, bare = replica_deletions(snapshot, going.select("dataset_id", "block_id", "site_id"))
    return Work(plan, files, bare)


def _carry_out_site(cycle: Cycle, site: CycleSite, run: WriterRun, work: Work) -> None:
    if site.state == SiteState.PLANNED:
        with transaction.atomic():
            site.state = SiteState.RECORDED
            site.save(update_fields=["state"])
            subscribe_deletions(work.files, cycle.author, f"detox cycle {cycle.pk}")
    changes = changes_at_site(run.changes(f"detox-{cycle.pk}-{site.site}"), work.plan, work.bare)
    try:
        if not changes.is_empty():
            site.committed_version = run.commit(changes).version
        site.state = SiteState.COMMITTED
    except ChangeRefused as error:
        # It would be refused again and again, and no cycle would ever come past it: shown, and left to people.
        site.state, site.reason = SiteState.REFUSED, f"{site.reason}; not told to the inventory: {error}"
    site.save(update_fields=["state", "reason", "committed_version"])
    run.log(f"{site.site}: {site.state}, {site.num_deleted} replicas, {volume(site.deleted)}")


def still_true(plan: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """The rows of a plan whose replica is there under the owner it was decided under, with ids and ``num_there``.

    ``num_there``: blocks of the dataset at the site. In the turn that decided it is all of them; when a later run finishes, others may have changed owners in between.
    """
    datasets = snapshot.table("datasets").select("dataset_id", dataset="name")
    sites = snapshot.table("sites").select("site_id", site="name")
    blocks = snapshot.table("blocks").select("dataset_id", "block_id", block="name")
    groups = snapshot.table("groups").select("group_id", group="name")
    named = plan.lazy().join(datasets, on="dataset").join(sites, on="site")
    keys = ["dataset_id", "block_id", "site_id", "group_id"]
    replicas = (
        named.filter(pl.col("block").is_not_null()).join(blocks, on=["dataset_id", "block"]).join(groups, on="group")
    )
    there = snapshot.table("block_replicas")
    replicas = replicas.join(there, on=keys, how="semi")
    whole = named.filter(pl.col("block").is_null())
    whole = whole.join(snapshot.table("dataset_replicas"), on=["dataset_id", "site_id"], how="semi")
    whole = whole.join(there, on=["dataset_id", "site_id"], how="anti")
    counted = there.group_by("dataset_id", "site_id").agg(num_there=pl.len())
    found = pl.concat([replicas, whole], how="diagonal").join(counted, on=["dataset_id", "site_id"], how="left")
    return found.with_columns(pl.col("num_there").fill_null(0)).sort("dataset", "block").collect()


def changes_at_site(changes: ChangeSet, plan: pl.DataFrame, bare: pl.DataFrame) -> ChangeSet:
    """What a site's plan (of :func:`still_true`) changes in the inventory; ``bare`` (dataset, block, site): without files.

    What goes belongs to nobody from now on, until its files are gone; what has no files goes at once. A replica that goes
    wholly grows no more; it disappears with its last block.
    """
    blocks = plan.filter(pl.col("block").is_not_null())
    bare_ones = blocks.join(bare, on=_KEYS, how="semi").filter("deleted")
    staying = blocks.join(bare_ones, on=_KEYS, how="anti")
    owner = pl.when("deleted").then(pl.lit(NO_GROUP_NAME)).otherwise("new_group")
    gone = plan.filter("deleted").join(bare, on=_KEYS, how="semi").group_by("dataset", "site").agg(num_gone=pl.len())
    whole = (
        plan.filter("deleted", "whole")
        .group_by("dataset", "site", maintain_order=True)
        .agg(pl.col("num_there").first())
    )
    whole = whole.join(gone, on=["dataset", "site"], how="left").with_columns(pl.col("num_gone").fill_null(0))
    vanished = pl.col("num_gone") == pl.col("num_there")
    if len(shrinking := whole.filter(~vanished).select("dataset", "site")):
        changes.put("dataset_replicas", shrinking.with_columns(growing=pl.lit(False)))
    if len(staying):
        changes.put("block_replicas", staying.select(*_KEYS, group=owner))
    if len(bare_ones):
        changes.delete("block_replicas", bare_ones.select(_KEYS))
    if len(empty := whole.filter(vanished).select("dataset", "site")):
        changes.delete("dataset_replicas", empty)
    return changes
