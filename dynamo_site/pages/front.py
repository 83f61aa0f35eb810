"""The front page. What it shows is made in ``overview.py`` and ``activity.py``."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dynamo_site.pages import activity, overview
from dynamo_site.pages.shell import page
from inventory import client
from inventory.errors import InventoryUnavailable
from inventory.snapshot import Snapshot

_COUNTED = ("sites", "datasets", "blocks", "files", "block_replicas")


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Overview; also while the inventory is away."""
    try:
        snapshot, unavailable = client.snapshot(), ""
    except InventoryUnavailable as error:
        snapshot, unavailable = None, str(error)
    return page(
        request, "front", "front", unavailable=unavailable,
        inventory_version=snapshot.version if snapshot else None,
        bars=overview.site_bars(snapshot, settings.POLICY_DIR) if snapshot else [],
        counts=_counts(snapshot) if snapshot else {},
        activities=activity.activities(), queues=activity.queues(), requests=activity.requests_by_status(),
        alarms=activity.alarms(activity.now()),
    )  # fmt: skip


def _counts(snapshot: Snapshot) -> dict[str, int]:
    return {name.replace("_", " "): snapshot.frame(name).height for name in _COUNTED}
