"""What waits: read from the database as frames, and moved on in bulk by events of the life cycle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import polars as pl
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from fileops.errors import Side
from fileops.lifecycle import MOMENT, OPEN, WAITING, Event, State, advance, allowed
from fileops.models import Attempt, Operation, Subscription

WAITING_FILES = pl.Schema(
    {
        "id": pl.Int64, "site": pl.String, "operation": pl.String, "dataset": pl.String, "block": pl.String,
        "lfn": pl.String, "size": pl.Int64, "state": pl.String, "reason": pl.String, "attempts": pl.Int64,
        "created": MOMENT,
    }
)  # fmt: skip
_CHUNK = 500
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def ready_to_go(site: str, limit: int, now: datetime) -> pl.DataFrame:
    """The oldest ``limit`` files of each operation at ``site`` whose time has come; columns of ``WAITING_FILES``."""
    rows = Subscription.objects.filter(site=site, state__in=WAITING).filter(
        Q(not_before__isnull=True) | Q(not_before__lte=now)
    )
    parts = [frame_of(rows.filter(operation=operation).order_by("id")[:limit]) for operation in Operation.values]
    return pl.concat(parts)


def frame_of(rows: QuerySet[Subscription]) -> pl.DataFrame:
    """Subscriptions as a frame with the columns of ``WAITING_FILES``."""
    values = list(rows.values_list(*WAITING_FILES.names()))
    return pl.DataFrame(values, schema=WAITING_FILES, orient="row")


def in_hand() -> pl.DataFrame:
    """Files that backends have in their hands, also cancelled ones: site, lfn, operation, source."""
    rows = Subscription.objects.filter(batch__isnull=False).values_list("site", "lfn", "operation", "source")
    schema = {"site": pl.String, "lfn": pl.String, "operation": pl.String, "source": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def failed_attempts(ids: Sequence[int]) -> pl.DataFrame:
    """What was tried since the last release: id Int64, source String, failures Int64, last_code Int64 (errno)."""
    counted: list[tuple[int, str, int, int]] = []
    for start in range(0, len(ids), _CHUNK):
        counted += _counted(ids[start : start + _CHUNK])
    schema = {"id": pl.Int64, "source": pl.String, "failures": pl.Int64, "last": pl.Int64}
    tried = pl.DataFrame(counted, schema=schema, orient="row")
    lasts = tried["last"].to_list()
    codes: list[tuple[int, int]] = []
    for start in range(0, len(lasts), _CHUNK):
        codes += Attempt.objects.filter(pk__in=lasts[start : start + _CHUNK]).values_list("id", "exit_code")
    told = pl.DataFrame(codes, schema={"last": pl.Int64, "last_code": pl.Int64}, orient="row")
    return tried.join(told, on="last", how="left").drop("last")


def _counted(ids: Sequence[int]) -> list[tuple[int, str, int, int]]:
    released = Subscription.objects.filter(pk__in=ids).values_list("id", "tried_since")
    since = {key: moment or _NEVER for key, moment in released}
    # What the destination did wrong does not count against a source.
    rows = Attempt.objects.filter(subscription__in=ids).exclude(exit_code=0).exclude(side=Side.DESTINATION)
    late = Q()
    for moment in set(since.values()):
        late |= Q(subscription__in=[key for key, value in since.items() if value == moment], finished__gt=moment)
    grouped = rows.filter(late).values("subscription", "source").annotate(failures=Count("id"), last=Max("id"))
    return [(row["subscription"], row["source"], row["failures"], row["last"]) for row in grouped]


def happen(event: Event, ids: Iterable[int], reason: str = "", message: str | None = None) -> int:
    """``event`` happens to those of the subscriptions in which it can (others have moved on meanwhile); how many.

    The rows' states follow the life cycle's table; what is no longer open gives up its ``open_key``.
    """
    now, wanted, moved = timezone.now(), list(ids), 0
    for before in allowed(event):
        after = State(advance(pl.DataFrame({"state": [before.value], "event": [event.value]}))["next"][0])
        if after == before:
            continue
        changes: dict[str, object] = {"state": after, "reason": reason, "updated": now}
        if after not in OPEN:
            changes["open_key"] = None
        if message is not None:
            changes["message"] = message
        for start in range(0, len(wanted), _CHUNK):
            rows = Subscription.objects.filter(pk__in=wanted[start : start + _CHUNK], state=before)
            moved += rows.update(**changes)
    return moved


def sites_with(states: Iterable[State]) -> list[str]:
    """Names of the sites that have files in one of ``states``, sorted."""
    rows = Subscription.objects.filter(state__in=list(states)).order_by("site")
    return list(rows.values_list("site", flat=True).distinct())


def pending_at_sites() -> dict[str, int]:
    """Files in batches, by site."""
    rows = Subscription.objects.filter(batch__isnull=False).values_list("site").annotate(Count("id"))
    return dict(rows)
