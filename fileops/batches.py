"""Batches: made of files for one destination, taken up by one mover at a time, and taken over when it died."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from django.db import transaction
from django.db.models import Q

from fileops.lifecycle import WAITING, State
from fileops.models import Batch, Subscription, Turnstile
from fileops.verdicts import free
from fileops.waiting import in_hand

_CHUNK = 500


def split(files: pl.DataFrame, size: int) -> pl.DataFrame:
    """``files`` (site, operation, …) with ``number`` UInt32: those of one number, at most ``size``, form a batch; pure."""
    place = pl.int_range(pl.len()).over("site", "operation") // size
    return files.with_columns(pl.struct("site", "operation", place.alias("part")).rank("dense").alias("number"))


def make(files: pl.DataFrame, size: int, now: datetime) -> int:
    """Put ``files`` (id, site, lfn, operation, source: empty for deletions) into batches; returns how many files.

    What another round, or a cancellation, took meanwhile is left out.
    """
    with transaction.atomic():
        _alone()
        numbered = split(free(files, in_hand()), size)
        return sum(_make(part, now) for part in numbered.partition_by("number", maintain_order=True))


def _alone() -> None:
    """Nobody else makes batches until this transaction ends."""
    Turnstile.objects.get_or_create(name="batches")
    Turnstile.objects.select_for_update().get(name="batches")


def _make(files: pl.DataFrame, now: datetime) -> int:
    first = files.row(0, named=True)
    batch = Batch.objects.create(destination=first["site"], operation=first["operation"], created=now)
    taken = 0
    for (source,), part in files.group_by("source", maintain_order=True):
        rows = Subscription.objects.filter(pk__in=part["id"].to_list(), state__in=WAITING)
        taken += rows.update(batch=batch, source=source, state=State.INBATCH, reason="", updated=now)
    if not taken:
        batch.delete()
        return 0
    batch.num_files = taken
    batch.save(update_fields=["num_files"])
    return taken


def me() -> str:
    """This process, so that another on the same machine can see whether it still lives: host, number, start time."""
    return f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())}"


def claim(limit: int, lease: float, now: datetime) -> list[Batch]:
    """Take up to ``limit`` batches that nobody works on, oldest first; those of dead movers, too."""
    running = Batch.objects.filter(state=Batch.State.RUNNING)
    # Without the model's own order, which would make each batch's owner a distinct one.
    dead = [owner for owner in running.order_by().values_list("owner", flat=True).distinct() if not alive(owner)]
    abandoned = Q(state=Batch.State.RUNNING) & (Q(lease__lt=now) | Q(owner__in=dead))
    free_now = Q(state=Batch.State.NEW) | abandoned
    owner, until = me(), now + timedelta(seconds=lease)
    claimed = []
    for batch in Batch.objects.filter(free_now).order_by("id")[:limit]:
        same = Batch.objects.filter(pk=batch.pk, claims=batch.claims).filter(free_now)
        if same.update(state=Batch.State.RUNNING, owner=owner, lease=until, claims=batch.claims + 1):
            batch.refresh_from_db()
            claimed.append(batch)
    return claimed


def renew(batches: Sequence[Batch], lease: float, now: datetime) -> set[int]:
    """Keep ``batches`` for another ``lease`` seconds; returns the numbers of those that are still ours."""
    kept = set()
    for batch in batches:
        ours = Batch.objects.filter(pk=batch.pk, claims=batch.claims, state=Batch.State.RUNNING)
        if ours.update(lease=now + timedelta(seconds=lease)):
            kept.add(batch.pk)
    return kept


def give_back(batches: Sequence[Batch], now: datetime) -> None:
    """End ``batches`` of which nothing is left; the others can be taken up by anyone at once."""
    for batch in batches:
        ours = Batch.objects.filter(pk=batch.pk, claims=batch.claims, state=Batch.State.RUNNING)
        if Subscription.objects.filter(batch=batch.pk).exists():
            ours.update(state=Batch.State.NEW, owner="", lease=None)
        else:
            ours.update(state=Batch.State.DONE, lease=None, finished=now)


def alive(owner: str) -> bool:
    """False only if ``owner`` was a process of this machine and is gone."""
    host, _, rest = owner.partition(" ")
    pid, _, started = rest.partition(" ")
    if host != socket.gethostname() or not pid.isdigit():
        return True
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """When the process was started, in the kernel's own count; empty when there is no such process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = status.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
