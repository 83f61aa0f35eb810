"""The front page. What it shows is made in ``overview.py`` and ``activity.py``."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dynamo_site.pages import activity, overview
from dynamo_site.pages.shell import page
from inventory import client
from inventory.errors import InventoryUnavailable
from inventory.snapshot import Snapshot
from registry import locks
from scheduler.models import ApplicationLock

_COUNTED = ("sites", "datasets", "blocks", "files", "block_replicas")


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Overview; also while the inventory is away."""
    try:
        snapshot, unavailable = client.snapshot(), ""
    except InventoryUnavailable as error:
        snapshot, unavailable = None, str(error)
    data = {
        "unavailable": unavailable, "inventory_version": snapshot.version if snapshot else None,
        "sites": overview.site_bars(snapshot) if snapshot else [],
        "counts": _counts(snapshot) if snapshot else {}, "activities": activity.activities(), "queues": activity.queues(),
        "requests": activity.requests_by_status(), "alarms": activity.alarms(activity.now()),
        "stopped": list(ApplicationLock.objects.values("application", "user", "note", "locked_at")),
        "locks": locks.in_force(activity.now()).count(),
    }  # fmt: skip
    return page(request, "front", "front", data)


def _counts(snapshot: Snapshot) -> dict[str, int]:
    return {name.replace("_", " "): snapshot.frame(name).height for name in _COUNTED}
