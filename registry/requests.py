"""What engines see of the open requests, and how they answer. Each function is one short transaction of its own or the caller's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import polars as pl
from django.db import transaction
from django.utils import timezone

from inventory.snapshot import Snapshot
from registry.lifecycle import ACTION, IN_HAND, OPEN_ACTION, OPEN_REQUEST, REQUEST, after, before
from registry.models import CopyRequest, DeletionRequest, Request, RequestAction, RequestItem, RequestKind
from registry.naming import split_items


def waiting_copies() -> list[Request]:
    """Copy requests that no engine has looked at yet, oldest first, with ``items`` and ``sites`` fetched."""
    return list(CopyRequest.objects.filter(status="new").order_by("id").prefetch_related("items", "sites"))


def waiting_deletions() -> list[Request]:
    """Deletion requests that no engine has looked at yet, oldest first, with ``items`` and ``sites`` fetched."""
    return list(DeletionRequest.objects.filter(status="new").order_by("id").prefetch_related("items", "sites"))


def item_parts(item: str) -> tuple[str, str | None]:
    """Dataset and block (None: the whole dataset) of an item's text."""
    dataset, separator, block = item.partition("#")
    return dataset, block if separator else None


def move(request: Request, event: str, reason: str = "", **more: Any) -> str:
    """Move a request that the caller has locked on, and save it with ``more`` of its fields; what ends gives up its key.

    The status that it had before. Raises ImpossibleTransition.
    """
    status = request.status
    request.status, request.reason = after(REQUEST, status, event, str(request)), reason
    if request.status not in OPEN_REQUEST:
        request.ended, request.open_key = timezone.now(), None
    for name, value in more.items():
        setattr(request, name, value)
    request.save(update_fields=["status", "reason", "ended", "open_key", *more])
    return status


def _moved(request: Request, event: str, reason: str = "") -> None:
    locked = Request.objects.select_for_update().get(pk=request.pk)
    move(locked, event, reason)
    request.status, request.reason, request.ended = locked.status, locked.reason, locked.ended


@transaction.atomic
def activate(request: Request, actions: Iterable[tuple[str, str]]) -> None:
    """The engine takes the request on: one action per (item, site). An action known from before begins anew."""
    _moved(request, "activate")
    now = timezone.now()
    known = {(action.item, action.site): action for action in request.actions.all()}
    wanted = dict.fromkeys(actions)
    again = [known[key].pk for key in wanted if key in known]
    for status in before(ACTION, "renew"):
        request.actions.filter(pk__in=again, status=status).update(
            status=after(ACTION, status, "renew"), reason="", updated=now
        )
    fresh = [
        RequestAction(request_id=request.pk, item=i, site=s, updated=now) for i, s in wanted if (i, s) not in known
    ]
    RequestAction.objects.bulk_create(fresh, batch_size=500)


@transaction.atomic
def reject(request: Request, reason: str) -> None:
    """The engine cannot do it; the user sees ``reason``."""
    _moved(request, "reject", reason)


@transaction.atomic
def complete(request: Request) -> None:
    """There is nothing (more) to do."""
    _moved(request, "complete")


@transaction.atomic
def queue_action(request: Request, item: str, site: str) -> None:
    """The action's operations have been handed to file operations."""
    _moved_action(request, item, site, "queue", "")


@transaction.atomic
def finish_action(request: Request, item: str, site: str, *, failed: bool = False, reason: str = "") -> None:
    """The action came to its end; a request all of whose actions ended is completed with it."""
    _moved_action(request, item, site, "fail" if failed else "complete", reason)
    complete_finished(timezone.now(), [request.pk])


def _moved_action(request: Request, item: str, site: str, event: str, reason: str) -> None:
    action = RequestAction.objects.select_for_update().get(request_id=request.pk, item=item, site=site)
    action.status = after(ACTION, action.status, event, f"{item} at {site} of {request}")
    action.reason, action.updated = reason, timezone.now()
    action.save(update_fields=["status", "reason", "updated"])


def complete_finished(now: datetime, requests: Iterable[int] | None = None) -> int:
    """Complete activated requests (of ``requests``, or all) that have no open action left; how many."""
    unfinished = RequestAction.objects.filter(status__in=OPEN_ACTION).values("request_id")
    finished = Request.objects.filter(status="activated").exclude(pk__in=unfinished)
    if requests is not None:
        finished = finished.filter(pk__in=list(requests))
    return finished.update(status=after(REQUEST, "activated", "complete"), ended=now, open_key=None)


def open_items() -> pl.DataFrame:
    """Items of all requests in hand (new or activated): dataset, block (null: whole dataset), site, kind.

    A row per item and site of the request; what engines must not act against while it is asked for.
    """
    open_requests = Request.objects.filter(status__in=IN_HAND)
    items = open_requests.values_list("id", "kind", "items__item")
    sites = open_requests.values_list("id", "sites__site")
    by_item = pl.DataFrame(list(items), {"id": pl.Int64, "kind": pl.String, "item": pl.String}, orient="row")
    by_site = pl.DataFrame(list(sites), {"id": pl.Int64, "site": pl.String}, orient="row")
    return (
        by_item.filter(pl.col("item").is_not_null())
        .join(by_site, on="id", how="left")
        .select(*split_items(), "site", "kind")
        .unique()
    )


def unhandled_copy_datasets() -> pl.Series:
    """Names of datasets (of blocks, too) for which a copy request waits that no engine has looked at."""
    items = RequestItem.objects.filter(request__kind=RequestKind.COPY, request__status="new")
    return _datasets(items.values_list("item", flat=True))


def tape_requested_datasets(snapshot: Snapshot) -> pl.Series:
    """Names of datasets that an open copy request wants at a tape site."""
    tape = snapshot.table("sites").filter(pl.col("storage_type") == "MSS").select(site="name").collect()
    wanted = open_items().filter(pl.col("kind") == RequestKind.COPY).join(tape, on="site", how="semi")
    return wanted["dataset"].unique().sort()


def _datasets(items: Iterable[str]) -> pl.Series:
    dataset, _ = split_items()
    return pl.DataFrame({"item": list(items)}, {"item": pl.String}).select(dataset)["dataset"].unique().sort()
