"""One check of one site: list, compare, record the plan, carry it out. Killed anywhere, the next check finishes it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
from django.db import transaction

from consistency import history, repair
from consistency.compare import Evidence, Findings, Knowledge, Listing, compare
from consistency.knowledge import know, site_id
from consistency.listing import ListingFailed, Progress, list_site
from consistency.models import Check, CheckState
from consistency.protected import ProtectedListError, fetch
from consistency.record import APPLICATIONS, end_interrupted, failed, on_record
from consistency.settings import ConsistencySettings
from consistency.sites import settings_of
from fileops import directories, unmanaged
from fileops.errors import StorageError
from fileops.storage import storage_for
from fileops.subscriptions import open_operations, subscribe_copies
from inventory.parquet import FrameDamaged
from inventory.snapshot import Snapshot, split_lfn
from registry.requests import open_items
from scheduler import runs

APPLICATION = APPLICATIONS["check"]
SERVICE = "consistency"
_LOG = logging.getLogger(__name__)


def check_site(
    site: str, author: str, progress: Progress, dry_run: bool = False, confirms: Check | None = None
) -> Check:
    """Check ``site`` and, unless ``dry_run``, repair it; ``confirms``: an earlier check whose numbers a person accepts."""
    arguments = {"site": site, "dry_run": dry_run}
    with runs.reader(APPLICATION, arguments, author) as reader:
        before = reader.snapshot()
        settings = _allowing(settings_of(site), confirms)
        site_id(before, site)
        end_interrupted(site, reader.id)
        check = Check.objects.create(
            site=site, author=author, dry_run=dry_run, confirms=confirms, started=datetime.now(UTC), version=before.version
        )  # fmt: skip
        with on_record(check):
            try:
                listing, knowledge = _look(before, site, settings, progress)
            except (ListingFailed, ProtectedListError, StorageError) as error:
                return failed(check, error)
            if dry_run:
                return _conclude(check, reader.snapshot(), listing, knowledge, settings)
    with on_record(check), runs.writer(APPLICATION, arguments, author, service=SERVICE) as run:
        finish_planned(run, site)
        _conclude(check, run.snapshot(), listing, knowledge, settings)
        carry_out(run, check)
    return check


def _allowing(settings: ConsistencySettings, confirmed: Check | None) -> ConsistencySettings:
    """``settings`` that let as much pass as the confirmed check had found, and no more."""
    if confirmed is None:
        return settings
    return replace(
        settings,
        max_missing=max(settings.max_missing, confirmed.num_missing),
        max_orphan=max(settings.max_orphan, confirmed.num_orphans),
        max_missing_fraction=1.0,
    )


def _look(
    snapshot: Snapshot, site: str, settings: ConsistencySettings, progress: Progress
) -> tuple[Listing, Knowledge]:
    """What is known before the listing, and the listing."""
    knowledge = know(snapshot, site, open_operations(site), open_items(), fetch(settings.protected_lfns))
    storage = storage_for(snapshot, site)
    listing = list_site(lambda directory: storage.list(directory, settings.timeout), settings, progress)
    if listing.directories.is_empty() and knowledge.expected.height:
        wanted = ", ".join(settings.directories)
        raise ListingFailed(f"the site has none of {wanted}, yet files are expected there: is its storage mounted?")
    return listing, knowledge


def _conclude(
    check: Check, snapshot: Snapshot, listing: Listing, before: Knowledge, settings: ConsistencySettings
) -> Check:
    """Compare, and put findings and plan on record."""
    site = check.site
    try:
        protected = fetch(settings.protected_lfns)
    except ProtectedListError as error:
        return failed(check, error)
    after = know(snapshot, site, open_operations(site), open_items(), protected)
    evidence = Evidence(
        listing=listing, before=before, after=after, previous=_previous_suspects(check),
        catalogue=snapshot.table("files").select("directory", "base_name", "dataset_id", "block_id"),
        names=snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"), pl.col("status").cast(pl.String)).collect(),
    )  # fmt: skip
    findings = compare(evidence, settings)
    plan = repair.plan(findings, snapshot, site, after.expected.height, settings)
    history.keep(check.pk, _lists(findings, listing, plan))
    _count(check, listing, findings, plan)
    check.state = CheckState.DONE if check.dry_run else CheckState.PLANNED
    check.ended = datetime.now(UTC) if check.dry_run else None
    check.version = snapshot.version
    check.save()
    return check


def _previous_suspects(check: Check) -> pl.DataFrame | None:
    """What the check before missed; None also when that cannot be read: then nothing has its second strike yet."""
    earlier = Check.objects.filter(site=check.site, kind="check", state=CheckState.DONE, pk__lt=check.pk).first()
    try:
        return history.read(earlier.pk, "suspects") if earlier else None
    except FrameDamaged as error:
        # No check of the site would ever come past it.
        _LOG.warning("looked at as the first check of %s: %s", check.site, error)
        return None


def _lists(findings: Findings, listing: Listing, plan: repair.Plan) -> dict[str, pl.DataFrame]:
    return {
        "missing": findings.missing, "orphans": findings.orphans, "mismatched": findings.mismatched,
        "empty_directories": findings.empty_directories, "unlisted": listing.unlisted, "spared": findings.spared,
        "suspects": findings.suspects, "unrecoverable": plan.unrecoverable, "lost": plan.lost, "copies": plan.copies,
        "orphan_deletions": plan.orphans,
        "directory_removals": pl.DataFrame({"directory": plan.directories}, schema={"directory": pl.String}),
    }  # fmt: skip


def _count(check: Check, listing: Listing, findings: Findings, plan: repair.Plan) -> None:
    check.num_files, check.num_directories = listing.files.height, listing.directories.height
    check.num_unlisted = listing.unlisted.height
    check.num_missing, check.missing_size = findings.missing.height, int(findings.missing["size"].sum())
    check.num_orphans, check.orphan_size = findings.orphans.height, int(findings.orphans["size"].sum())
    check.num_mismatched, check.num_spared = findings.mismatched.height, findings.spared.height
    check.num_unrecoverable = plan.unrecoverable.height
    check.num_empty_directories = findings.empty_directories.height
    check.alarms = plan.alarms


def finish_planned(run: runs.WriterRun, site: str) -> None:
    """Carry out what killed checks of ``site`` had on record."""
    for check in Check.objects.filter(site=site, state=CheckState.PLANNED).order_by("pk"):
        try:
            carry_out(run, check)
        except (history.NotKept, FrameDamaged) as error:
            # No check would ever come past it; the next one finds what this one found.
            run.log(f"{check} cannot be finished: {error}")
            failed(check, error)


def carry_out(run: runs.WriterRun, check: Check) -> None:
    """Tell the inventory what is lost, subscribe copies and deletions, once however often this is called.

    What has changed since the record counts: a file that the inventory now has at the site is no orphan.
    """
    if check.state != CheckState.PLANNED:
        return
    lost, copies, orphans, removals = (
        history.kept(check.pk, name) for name in ("lost", "copies", "orphan_deletions", "directory_removals")
    )
    if lost.height:
        changes = run.changes(transaction=f"consistency-{check.pk}")
        run.commit(changes.delete("replica_files", lost))
    snapshot = run.snapshot()
    expected = know(snapshot, check.site, open_operations(check.site), open_items(), frozenset()).expected
    strangers = orphans.with_columns(*split_lfn()).join(expected, on=["directory", "base_name"], how="anti")
    cause = f"consistency check {check.pk}"
    with transaction.atomic():
        subscribe_copies(copies.drop("tape"), check.author, cause)
        unmanaged.subscribe(check.site, strangers.select("lfn", "size"), check.author, cause)
        directories.queue([(check.site, name) for name in removals["directory"]], check.author)
        check.state, check.ended = CheckState.DONE, datetime.now(UTC)
        check.save()
