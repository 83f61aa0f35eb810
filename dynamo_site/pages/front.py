"""The overview: is all well? The page, and the part of it that browsers ask for again and again."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dynamo_site import health
from dynamo_site.pages import activity, alarms, overview
from dynamo_site.pages.keeping import Kept
from dynamo_site.pages.shell import page
from inventory import client
from inventory.errors import InventoryError, InventoryUnavailable
from inventory.snapshot import Snapshot
from registry import locks
from registry.lifecycle import OPEN_REQUEST
from registry.models import Injection, InjectionState
from scheduler import applock

_COUNTED = ("sites", "datasets", "blocks", "files", "block_replicas")


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Overview; also while the inventory, Redis or the workers are away."""
    return page(request, "front", "front", _SHOWN.get())


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """What of it changes by itself."""
    return render(request, "pages/parts/overview.html", _SHOWN.get())


def _gathered() -> dict[str, Any]:
    now = activity.now()
    snapshot, unavailable = _snapshot()
    parts = health.check_all()
    found = alarms.alarms(now)
    requests = activity.requests_by_status()
    queues = activity.queues()
    sites = overview.site_bars(snapshot) if snapshot else []
    return {
        "made": now, "unavailable": unavailable, "inventory_version": snapshot.version if snapshot else None,
        "failing": {name: part.detail for name, part in parts.items() if not part.ok},
        "sites": sites, "over": len({site.site for site in sites if site.state == "over"}), "inventory": _inventory(),
        "activities": activity.activities(), "queues": queues, "rates": activity.rates(now),
        "held": sum(queue.files for queue in queues if queue.state == "held"),
        "requests": requests, "requests_open": sum(requests.get(status, 0) for status in OPEN_REQUEST), "alarms": found,
        "stopped": [holders[0] for holders in applock.queues().values()],
        "injections": Injection.objects.filter(state=InjectionState.QUEUED).count(),
        "locks": locks.in_force(now).count(), "workers": parts["worker"].facts.get("workers", []),
    }  # fmt: skip


def _snapshot() -> tuple[Snapshot | None, str]:
    try:
        return client.snapshot(), ""
    except InventoryUnavailable as error:
        return None, str(error)


def _inventory() -> dict[str, Any]:
    """Rows by table, how far behind followers are, and when it last changed, as its server says; nothing while it is away."""
    try:
        status = client.status()
    except InventoryError:
        # What failed, and why, is among the parts of the health.
        return {"counts": {}, "lag": {}, "changed": None}
    counts = status.get("counts", {})
    return {
        "counts": {name.replace("_", " "): counts[name] for name in _COUNTED if name in counts},
        "lag": status.get("lag", {}), "changed": status.get("time"),
    }  # fmt: skip


_SHOWN = Kept(_gathered)
