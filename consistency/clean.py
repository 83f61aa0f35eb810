"""One cleaning of production's area and logs at one site: list, choose, hand the deletions to file operations."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction

from consistency import history
from consistency.cleaning import CleaningRefused, Protection, areas, choose
from consistency.knowledge import site_id
from consistency.listing import ListingFailed, Progress, list_site
from consistency.models import Check, CheckState
from consistency.protected import ProtectedListError, fetch
from consistency.record import APPLICATIONS, end_interrupted, failed, on_record
from consistency.settings import ConsistencySettings
from consistency.sites import settings_of
from fileops import unmanaged
from fileops.errors import StorageError
from fileops.storage import storage_for
from inventory.snapshot import Snapshot
from scheduler import runs


def clean_site(site: str, author: str, progress: Progress, dry_run: bool = False) -> Check | None:
    """Clean ``site``; None when no area is configured for it. The inventory is not concerned, so no turn is needed."""
    settings = areas(settings_of(site))
    if not settings.directories:
        return None
    with runs.reader(APPLICATIONS["clean"], {"site": site, "dry_run": dry_run}, author) as run:
        snapshot = run.snapshot()
        site_id(snapshot, site)
        end_interrupted(site, run.id, "clean")
        check = Check.objects.create(
            site=site, kind="clean", author=author, dry_run=dry_run, started=datetime.now(UTC), version=snapshot.version
        )
        with on_record(check):
            try:
                _clean(check, snapshot, settings, progress)
            except (ListingFailed, ProtectedListError, CleaningRefused, StorageError) as error:
                return failed(check, error)
    return check


def _clean(check: Check, snapshot: Snapshot, settings: ConsistencySettings, progress: Progress) -> None:
    """List, choose, and put the result on record together with the deletions."""
    before = fetch(settings.protected_lfns)
    storage = storage_for(snapshot, check.site)
    listing = list_site(lambda directory: storage.list(directory, settings.timeout), settings, progress)
    protection = Protection(before, fetch(settings.protected_lfns), _last_count(check))
    chosen = choose(listing, protection, settings)
    history.keep(check.pk, {"orphans": chosen, "unlisted": listing.unlisted})
    check.num_files, check.num_directories = listing.files.height, listing.directories.height
    check.num_orphans, check.orphan_size = chosen.height, int(chosen["size"].sum())
    check.num_unlisted, check.num_protected = listing.unlisted.height, len(protection.after)
    with transaction.atomic():
        if not check.dry_run:
            unmanaged.subscribe(check.site, chosen.select("lfn", "size"), check.author, f"cleaning {check.pk}")
        check.state, check.ended = CheckState.DONE, datetime.now(UTC)
        check.save()


def _last_count(check: Check) -> int:
    """How long the protected list was at the last cleaning that worked."""
    earlier = Check.objects.filter(site=check.site, kind="clean", state=CheckState.DONE, pk__lt=check.pk).first()
    return earlier.num_protected if earlier else 0
