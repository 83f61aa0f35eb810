"""Copy requests at high rates: stored at once, made into requests by the next tracker run."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from inventory.snapshot import Snapshot
from registry.errors import Refused
from registry.models import CachedCopyRequest, Request, RequestItem, RequestKind, RequestSite
from registry.placing import Asker, Wanted, ask_copy
from registry.settings import RegistrySettings


def keep(asker: Asker, wanted: Wanted, settings: RegistrySettings) -> CachedCopyRequest:
    """Store what is asked, unchecked but for what would make it meaningless."""
    sites = list(dict.fromkeys(wanted.sites or settings.default_sites))
    for name, values in (("item", wanted.items), ("site", sites)):
        if not values:
            raise Refused(f"missing parameter {name}")
        if len(values) > settings.max_items:
            raise Refused(f"{name}: {len(values)} in one request; at most {settings.max_items}")
    return CachedCopyRequest.objects.create(
        user=asker.user, service=asker.service, items=list(wanted.items), sites=sites, group=wanted.group or "",
        num_copies=1 if wanted.num_copies is None else wanted.num_copies, asked=timezone.now(),
    )  # fmt: skip


def are_waiting() -> bool:
    """Whether there is anything for :func:`make_requests`."""
    return CachedCopyRequest.objects.exists()


def make_requests(snapshot: Snapshot, settings: RegistrySettings) -> int:
    """Turn all kept ones into requests, in order; one that cannot be becomes a rejected request that says why."""
    rows = list(CachedCopyRequest.objects.order_by("id"))
    for row in rows:
        with transaction.atomic():
            _make(row, snapshot, settings)
            row.delete()
    return len(rows)


def _make(row: CachedCopyRequest, snapshot: Snapshot, settings: RegistrySettings) -> None:
    wanted = Wanted(row.items, row.sites, row.group or None, row.num_copies)
    try:
        ask_copy(snapshot, Asker(row.user, row.service), wanted, settings)
    except Refused as error:
        now = timezone.now()
        request = Request.objects.create(
            kind=RequestKind.COPY, status="rejected", reason=str(error), user=row.user, service=row.service,
            group=row.group, num_copies=row.num_copies, site_patterns=row.sites, first_asked=row.asked, last_asked=now,
            ended=now,
        )  # fmt: skip
        RequestItem.objects.bulk_create([RequestItem(request=request, item=item) for item in row.items], batch_size=500)
        RequestSite.objects.bulk_create([RequestSite(request=request, site=site) for site in row.sites], batch_size=500)
