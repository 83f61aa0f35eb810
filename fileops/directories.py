"""Directories that deletions may have emptied: queued, then removed upwards as long as they are empty."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from fileops.errors import UNREACHABLE_CODES, StorageError
from fileops.models import DirectoryToClean, Operation, Subscription, file_key
from fileops.storage.base import Storage

_CHUNK = 500
_STILL_USED = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_WAIT = timedelta(hours=1)


def queue(places: Iterable[tuple[str, str]], author: str) -> int:
    """Have the directories (site, directory as LFN) looked at; those queued already stay as they are. Number of new ones."""
    wanted = {file_key(site, directory): (site, directory) for site, directory in places if directory.strip("/")}
    keys = list(wanted)
    known: set[str] = set()
    for start in range(0, len(keys), _CHUNK):
        rows = DirectoryToClean.objects.filter(key__in=keys[start : start + _CHUNK])
        known.update(rows.values_list("key", flat=True))
    fresh = [
        DirectoryToClean(site=site, directory=directory, key=key, author=author, queued=timezone.now())
        for key, (site, directory) in wanted.items()
        if key not in known
    ]
    # Another process may queue the same at the same time: one row is enough.
    DirectoryToClean.objects.bulk_create(fresh, batch_size=_CHUNK, ignore_conflicts=True)
    return len(fresh)


def clean(storages: Callable[[str], Storage], limit: int, depth: int, timeout: float, now: datetime) -> int:
    """Remove up to ``limit`` queued directories that are empty, and those above them down to ``depth`` components.

    Returns the number removed. One that could not be removed stays queued with the error, all of a site that does not
    answer with it; a full one leaves the queue.
    """
    removed = 0
    down: set[str] = set()
    due = DirectoryToClean.objects.filter(Q(not_before__isnull=True) | Q(not_before__lte=now))
    for row in due.order_by("id")[:limit]:
        if row.site in down or _is_awaited(row):
            continue
        try:
            removed += _remove_upwards(storages(row.site), row.directory, depth, timeout)
        except StorageError as error:
            late = DirectoryToClean.objects.filter(pk=row.pk)
            if error.code in UNREACHABLE_CODES:
                # The site's others would stand at the head of the queue, and keep those of other sites from their turn.
                down.add(row.site)
                late = due.filter(site=row.site)
            late.update(message=str(error), not_before=now + _WAIT)
        else:
            row.delete()
    return removed


def _is_awaited(row: DirectoryToClean) -> bool:
    """A file is being copied into it, or below it, at this moment."""
    under_way = Subscription.objects.filter(site=row.site, batch__isnull=False, operation=Operation.COPY)
    return under_way.filter(lfn__startswith=f"{row.directory}/").exists()


def _remove_upwards(storage: Storage, directory: str, depth: int, timeout: float) -> int:
    parts = directory.strip("/").split("/")
    removed = 0
    while len(parts) >= depth:
        try:
            storage.rmdir("/" + "/".join(parts), timeout)
            removed += 1
        except StorageError as error:
            if error.code in _STILL_USED:
                break
            if error.code != errno.ENOENT:
                raise
        parts.pop()
    return removed
