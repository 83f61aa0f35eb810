"""Requests that ended long ago: moved from the database to Parquet files, and found there again.

A file is written first, then its requests leave the database in the transaction that notes the file: whatever dies when, each
request is in the one or the other, and a file that is not noted is nothing (the next run removes it). The last file is written anew with
what comes until it is full, so that there are few.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from inventory import parquet
from registry.lifecycle import OPEN_REQUEST
from registry.models import Request, RequestAction, RequestArchive, RequestItem, RequestSite
from registry.settings import registry_settings

_TIME = pl.Datetime("us", "UTC")
ACTION = pl.Struct({
    "item": pl.String, "site": pl.String, "status": pl.String, "reason": pl.String, "updated": _TIME,
})  # fmt: skip
"""What an action of a request has."""
_PLAIN: dict[str, Any] = {
    "id": pl.Int64, "kind": pl.String, "status": pl.String, "user": pl.String, "service": pl.String, "group": pl.String,
    "num_copies": pl.Int64, "reason": pl.String, "first_asked": _TIME, "last_asked": _TIME, "count": pl.Int64, "ended": _TIME,
    "approval_rule": pl.String, "decided_by": pl.String, "decided": _TIME,
}  # fmt: skip
REQUESTS = pl.Schema({
    **_PLAIN, "site_patterns": pl.List(pl.String), "items": pl.List(pl.String), "sites": pl.List(pl.String),
    "actions": pl.List(ACTION),
})  # fmt: skip
"""A row for each request, as the database has them."""

_IN_A_FILE = 20_000
_AT_ONCE = 2000  # requests in one transaction
_PARTS_AT_ONCE = 50_000  # their items, sites and actions, unless one request has more
_LARGEST_FILE = 32 * 1024 * 1024  # bytes of a file to which more is added: it is read for that
_KEPT_SECONDS = 3600


def directory() -> Path:
    """Where the files are."""
    return Path(settings.HISTORY_DIR) / "requests"


def move_old(now: datetime) -> int:
    """Move requests that ended more than ``archive_days`` ago; how many. Raises FrameNotWritten, nothing is lost then."""
    days = registry_settings().archive_days
    if not days:
        return 0
    old = Request.objects.filter(ended__lt=now - timedelta(days=days)).exclude(status__in=OPEN_REQUEST)
    moved = 0
    _remove_unnoted()
    while numbers := list(old.order_by("id").values_list("pk", flat=True)[:_AT_ONCE]):
        moved += _move(_some(numbers))
    return moved


def _some(numbers: Sequence[int]) -> Sequence[int]:
    """As many of the requests, from the first on, as memory takes with all that belongs to them; at least one."""
    parts: Counter[int] = Counter()
    for model in (RequestItem, RequestSite, RequestAction):
        rows = model._default_manager.filter(request_id__in=numbers).values("request_id").annotate(found=Count("pk"))
        parts.update(dict(rows.order_by().values_list("request_id", "found")))
    before = list(accumulate((parts[number] for number in numbers), initial=0))
    chosen = [number for number, sum_ in zip(numbers, before[1:], strict=True) if sum_ <= _PARTS_AT_ONCE]
    return chosen or numbers[:1]


def _move(numbers: Sequence[int]) -> int:
    """One file of these; those that were opened again meanwhile stay where they are."""
    with transaction.atomic():
        found = (
            Request.objects.select_for_update().filter(pk__in=numbers).exclude(status__in=OPEN_REQUEST).order_by("id")
        )
        requests = list(found.prefetch_related("items", "sites", "actions"))
        if not requests:
            return 0
        rows = pl.DataFrame([_row(request) for request in requests], REQUESTS)
        open_file = RequestArchive.objects.filter(requests__lte=_IN_A_FILE - len(requests)).order_by("-id").first()
        if open_file is not None and _grows(directory() / open_file.file):
            rows = pl.concat([parquet.read(directory() / open_file.file), rows]).sort("id")
            open_file.delete()
        first, last = int(rows["id"][0]), int(rows["id"][-1])
        name = f"{first}-{last}-{timezone.now():%Y%m%d%H%M%S%f}.parquet"
        parquet.keep(rows, directory() / name)
        RequestArchive.objects.create(file=name, first=first, last=last, requests=rows.height, written=timezone.now())
        Request.objects.filter(pk__in=[request.pk for request in requests]).delete()
    return len(requests)


def _grows(path: Path) -> bool:
    return not path.exists() or path.stat().st_size <= _LARGEST_FILE  # one that is missing is told of by who reads it


def _remove_unnoted() -> None:
    """Files whose successor was noted, or that were never noted; not at once: somebody may be reading them."""
    noted = set(RequestArchive.objects.values_list("file", flat=True))
    for path in directory().glob("*.parquet"):
        if path.name not in noted and time.time() - path.stat().st_mtime > _KEPT_SECONDS:
            path.unlink()


def _row(request: Request) -> dict[str, Any]:
    parts = {
        "items": [row.item for row in request.items.all()],
        "sites": [row.site for row in request.sites.all()],
        "actions": [{name: getattr(row, name) for name in ACTION.to_schema()} for row in request.actions.all()],
    }
    return {name: getattr(request, name) for name in (*_PLAIN, "site_patterns")} | parts


def find(condition: pl.Expr, most: int, *, above: int = 0, below: int | None = None) -> list[Request]:
    """The newest ``most`` archived requests, with numbers above and below these, for which ``condition`` holds, newest first.

    ``condition``: over the columns of ``REQUESTS``. They are as from the database, with items, sites and actions fetched, but
    are not to be saved. Raises FrameDamaged.
    """
    files = RequestArchive.objects.filter(last__gt=above)
    condition = condition & (pl.col("id") > above)
    if below is not None:
        files, condition = files.filter(first__lt=below), condition & (pl.col("id") < below)
    rows = pl.DataFrame(schema=REQUESTS)
    for file in files.order_by("-last"):
        if rows.height == most and file.last < rows["id"][-1]:
            break
        found = _scanned(file).filter(condition).sort("id", descending=True).head(most).collect()
        rows = pl.concat([rows, found]).sort("id", descending=True).head(most)
    return list(_requests(rows))


def frames(below: int | None = None) -> Iterator[tuple[int, pl.LazyFrame]]:
    """Archived requests (with numbers below one that is given) as ``REQUESTS``, file by file, each after the largest number in it, descending."""
    files = RequestArchive.objects.all() if below is None else RequestArchive.objects.filter(first__lt=below)
    for file in files.order_by("-last"):
        yield file.last, _scanned(file)


def known_items(items: Sequence[str]) -> set[str]:
    """Those of ``items`` that an archived request names."""
    found: set[str] = set()
    for file in RequestArchive.objects.all():
        named = _scanned(file).select(pl.col("items").list.explode().unique()).collect()
        found |= set(items) & set(named["items"])
    return found


def one(number: int, kind: str | None = None) -> Request | None:
    """The archived request with this number (of this kind)."""
    condition = pl.col("id") == number
    if kind is not None:
        condition = condition & (pl.col("kind") == kind)
    for file in RequestArchive.objects.filter(first__lte=number, last__gte=number):
        rows = _scanned(file).filter(condition).collect()
        if rows.height:
            return next(_requests(rows))
    return None


def _scanned(file: RequestArchive) -> pl.LazyFrame:
    return parquet.scanned(directory() / file.file)


def _requests(rows: pl.DataFrame) -> Iterator[Request]:
    for row in rows.iter_rows(named=True):
        items, sites, actions = row.pop("items"), row.pop("sites"), row.pop("actions")
        request = Request(**row)
        request._state.adding = False
        # What prefetch_related would have put there: readers need not know where a request comes from.
        request._prefetched_objects_cache = {  # type: ignore[attr-defined]
            "items": _fetched(RequestItem.objects.none(), [RequestItem(request=request, item=item) for item in items]),
            "sites": _fetched(RequestSite.objects.none(), [RequestSite(request=request, site=site) for site in sites]),
            "actions": _fetched(
                RequestAction.objects.none(), [RequestAction(request=request, **action) for action in actions]
            ),
        }
        yield request


def _fetched(rows: QuerySet[Any], results: list[Any]) -> QuerySet[Any]:
    """An empty queryset (so that nobody who filters it finds others' rows) that is iterated as these."""
    rows._result_cache, rows._prefetch_done = results, True  # type: ignore[attr-defined]
    return rows
