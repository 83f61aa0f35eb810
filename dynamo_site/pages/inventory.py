"""Pages of what the inventory has: datasets, one dataset, sites, one site, groups, one group."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from detox import present
from dynamo_site.pages import about, objects, overview
from dynamo_site.pages.bars import Bar, stacked
from dynamo_site.pages.keeping import Kept
from dynamo_site.pages.shell import page, page_number, part
from inventory import client
from inventory.errors import InventoryError
from inventory.schema import DATASET_STATUSES
from inventory.snapshot import Snapshot
from inventory.units import volume

_PER_PAGE = 50
_BLOCKS_PER_PAGE = 100
_LARGEST = 50
_Rows = Callable[[Snapshot], list[dict[str, Any]]]


def _newest(rows: _Rows) -> tuple[int, list[dict[str, Any]]]:
    """The rows of the newest version, and its number."""
    snapshot = client.snapshot()
    return snapshot.version, rows(snapshot)


# Both look at every block replica.
_SITES = Kept(partial(_newest, objects.sites))
_GROUPS = Kept(partial(_newest, objects.groups))


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """Datasets by a glob or a part of the name, and by status."""
    snapshot = client.snapshot()
    text, status = request.GET.get("q", "").strip(), request.GET.get("status", "")
    sort, descending = request.GET.get("sort", "name"), request.GET.get("order") == "down"
    sort = sort if sort in objects.DATASET_SORTS else "name"
    number = page_number(request)
    status = status if status in DATASET_STATUSES else ""
    count, rows = objects.datasets(
        snapshot, text, status, sort, descending, offset=(number - 1) * _PER_PAGE, limit=_PER_PAGE
    )
    return page(
        request, "datasets", "datasets", {"count": count, "datasets": rows}, text=text, status=status, sort=sort, descending=descending,
        sorts=objects.DATASET_SORTS, statuses=DATASET_STATUSES, number=number, last=max(1, -(-count // _PER_PAGE)),
        inventory_version=snapshot.version,
    )  # fmt: skip


@require_safe
def dataset(request: HttpRequest) -> HttpResponse:
    """One dataset: where it is, its blocks, and everything that people and engines have to do with it."""
    # A block is shown with its dataset.
    snapshot, name = client.snapshot(), request.GET.get("name", "").partition("#")[0]
    row = objects.dataset(snapshot, name)
    if row is None:
        raise Http404(f"the inventory has no dataset {name[:200]!r}")
    number = page_number(request)
    found, blocks = objects.dataset_blocks(
        snapshot, row["dataset_id"], (number - 1) * _BLOCKS_PER_PAGE, _BLOCKS_PER_PAGE
    )
    replicas = objects.dataset_replicas(snapshot, row["dataset_id"])
    data = {"dataset": row, "replicas": replicas, "num_blocks": found, "blocks": blocks, **about.dataset(name)}
    return page(
        request, "datasets", "dataset", data, inventory_version=snapshot.version, number=number,
        last=max(1, -(-found // _BLOCKS_PER_PAGE)), rows=[(entry, _replica_bar(entry)) for entry in replicas],
    )  # fmt: skip


def _replica_bar(row: dict[str, Any]) -> Bar:
    """Bytes present, of those that there would be with all blocks."""
    words = f"{volume(row['size'])} of {volume(row['whole'])}"
    return Bar(words, stacked([("present", row["size"])], max(row["whole"], 1)))


@require_safe
def dataset_now(request: HttpRequest) -> HttpResponse:
    """What the policies in force say of a dataset at this moment, by site."""
    snapshot, name = client.snapshot(), request.GET.get("name", "")
    row = objects.dataset(snapshot, name)
    if row is None:
        raise Http404(f"the inventory has no dataset {name[:200]!r}")
    try:
        data = {"partitions": present.of_dataset(snapshot, row["dataset_id"], int(time.time())), "error": ""}
    except InventoryError as error:
        data = {"partitions": [], "error": str(error)}
    return part(request, "datasets", "dataset_now", data, title=f"What would happen to {name} now")


@require_safe
def dataset_decisions(request: HttpRequest) -> HttpResponse:
    """What the newest cycles decided on a dataset."""
    name = request.GET.get("name", "")
    data = {"decisions": about.decisions(name)}
    return part(request, "datasets", "dataset_decisions", data, title=f"Last decisions on {name}", name=name)


@require_safe
def changes(request: HttpRequest) -> HttpResponse:
    """Who changed what of a dataset or a site."""
    kind, name = request.GET.get("kind", "dataset"), request.GET.get("name", "")
    if kind not in about.KINDS:
        raise Http404(f"there are no changes of {kind[:40]!r}; there are {', '.join(about.KINDS)}")
    data = {"changes": about.changes(kind, name)}
    return part(request, f"{kind}s", "changes", data, title=f"Changes of {name}")


@require_safe
def sites(request: HttpRequest) -> HttpResponse:
    """All sites."""
    version, rows = _SITES.get()
    return page(request, "sites", "sites", {"sites": rows}, inventory_version=version)


@require_safe
def site(request: HttpRequest) -> HttpResponse:
    """One site: partitions against their quotas, its largest datasets, and what goes on there."""
    snapshot = client.snapshot()
    row = _called(snapshot, "sites", request)
    bars = [bar for bar in overview.site_bars(snapshot) if bar.site == row["name"]]
    largest = objects.largest_datasets(snapshot, _LARGEST, site_id=row["site_id"])
    data = {"site": row, "partitions": bars, "datasets": largest, **about.site(row["name"])}
    return page(request, "sites", "site", data, inventory_version=snapshot.version)


@require_safe
def groups(request: HttpRequest) -> HttpResponse:
    """All groups."""
    version, rows = _GROUPS.get()
    return page(request, "groups", "groups", {"groups": rows}, inventory_version=version)


@require_safe
def group(request: HttpRequest) -> HttpResponse:
    """One group: what it owns, by site, and its largest datasets."""
    snapshot = client.snapshot()
    row = _called(snapshot, "groups", request)
    at_sites = objects.group_at_sites(snapshot, row["group_id"])
    largest = max((entry["size"] for entry in at_sites), default=0)
    bars = [Bar(volume(entry["size"]), stacked([("present", entry["size"])], max(largest, 1))) for entry in at_sites]
    datasets = objects.largest_datasets(snapshot, _LARGEST, group_id=row["group_id"])
    return page(
        request, "groups", "group", {"group": row, "sites": at_sites, "datasets": datasets, **about.group(row["name"])},
        inventory_version=snapshot.version, rows=list(zip(at_sites, bars, strict=True)),
    )  # fmt: skip


def _called(snapshot: Snapshot, table: str, request: HttpRequest) -> dict[str, Any]:
    name = request.GET.get("name", "")
    row = snapshot.row(table, name)
    if row is None:
        raise Http404(f"the inventory has no {table[:-1]} {name[:200]!r}")
    return dict(row)
