"""One field for everything: a number, a name or a part of it, a path of a file. What is found whole is shown at once."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from dynamo_site.pages import archived, objects
from dynamo_site.pages.shell import page
from inventory import client
from inventory.errors import InventoryUnavailable
from inventory.lookup import located
from inventory.snapshot import Snapshot
from registry.models import DetoxLock, Request
from scheduler.models import Run

_SHOWN = 20
_LARGEST_ID = 2**63 - 1
_LONGEST = 1100


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """What is called so, or contains it; the page itself where just one thing is called so."""
    text = request.GET.get("q", "").strip()[:_LONGEST]
    try:
        snapshot, away = client.snapshot(), ""
    except InventoryUnavailable as error:
        snapshot, away = None, str(error)
    if text and snapshot is not None and (address := _whole(snapshot, text)):
        return redirect(address)
    data: dict[str, Any] = {"text": text, "unavailable": away}
    if text:
        data |= _in_database(text)
    if text and snapshot is not None:
        data |= _in_inventory(snapshot, text)
    found = sum(len(value) for value in data.values() if isinstance(value, list))
    return page(request, "search", "search", data, searched=text, found=found)


def _whole(snapshot: Snapshot, text: str) -> str:
    """Address of the dataset, block, site or group of just that name."""
    for table in ("datasets", "sites", "groups"):
        name = text.partition("#")[0] if table == "datasets" else text
        if snapshot.row(table, name) is not None:
            return f"{reverse(table[:-1])}?{urlencode({'name': name})}"
    return ""


def _in_database(text: str) -> dict[str, Any]:
    """Requests (archived ones, too), runs and locks: by their number, or by whom and what they are about."""
    number = min(int(text), _LARGEST_ID) if text.isascii() and text.isdecimal() else None
    by_number = Q(pk=number) if number is not None else Q(pk__in=[])
    requests = Request.objects.filter(by_number | Q(items__item=text) | Q(user=text)).distinct()
    runs = Run.objects.filter(by_number | Q(application=text) | Q(author=text))
    old, damaged = archived.called(text, number, _SHOWN)
    locks = DetoxLock.objects.filter(by_number | Q(item=text) | Q(user=text), unlocked=None)
    return {
        "requests": [*requests[:_SHOWN], *old][:_SHOWN], "runs": list(runs[:_SHOWN]), "locks": list(locks[:_SHOWN]),
        "damaged": damaged,
    }  # fmt: skip


def _in_inventory(snapshot: Snapshot, text: str) -> dict[str, Any]:
    """Datasets, sites and groups of which the text is a part (or a glob), and files of that path."""
    count, datasets = objects.datasets(snapshot, text, limit=_SHOWN)
    named = {
        table: snapshot.frame(table).filter(objects.called(text))["name"].sort().head(_SHOWN).to_list()
        for table in ("sites", "groups")
    }
    files = _files(snapshot, text) if text.startswith("/") and text.count("/") > 2 else []
    return {"count": count, "datasets": datasets, "files": files, **named}


def _files(snapshot: Snapshot, lfn: str) -> list[dict[str, Any]]:
    """The file of just that path, with its dataset and where it is."""
    found = located(snapshot, pl.Series([lfn]))
    if found.is_empty():
        return []
    names = snapshot.table("datasets").select("dataset_id", dataset="name")
    sites = snapshot.table("sites").select("site_id", site="name")
    rows = found.lazy().join(names, on="dataset_id").join(sites, on="site_id", how="left").collect()
    at = rows.filter("present")["site"].drop_nulls().to_list()
    return [{"lfn": lfn, "dataset": rows["dataset"][0], "size": rows["size"][0], "sites": at}]
