"""Copy requests at high rates: stored at once, made into requests by the next tracker run."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from inventory.snapshot import Snapshot
from registry.asking import Asker, Wanted
from registry.errors import Refused
from registry.models import CachedCopyRequest, Request, RequestKind
from registry.naming import check_group, expand_sites, refuse_unknown, unknown_items
from registry.placing import Ready, ask_ready_copy, write_parts
from registry.settings import RegistrySettings

_AT_ONCE = 500  # rows that are held against the inventory together


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
    made = 0
    while rows := list(CachedCopyRequest.objects.order_by("id")[:_AT_ONCE]):
        known = _Known(snapshot, rows)
        for row in rows:
            with transaction.atomic():
                # Who takes it away makes it: there may be two of us.
                mine, _ = CachedCopyRequest.objects.filter(pk=row.pk).delete()
                if mine:
                    _make(row, known, settings)
                    made += 1
    return made


class _Known:
    """What the inventory says of all that some rows name, asked once."""

    def __init__(self, snapshot: Snapshot, rows: Sequence[CachedCopyRequest]) -> None:
        self.snapshot = snapshot
        items = list(dict.fromkeys(item for row in rows for item in row.items))
        self.unknown = frozenset(unknown_items(snapshot, items))
        self._sites: dict[tuple[str, ...], list[str]] = {}

    def ready(self, row: CachedCopyRequest, settings: RegistrySettings) -> Ready:
        """As ``placing.ready_copy``. Raises Refused."""
        patterns = tuple(row.sites)
        if patterns not in self._sites:
            self._sites[patterns] = expand_sites(self.snapshot, patterns)
        refuse_unknown([item for item in row.items if item in self.unknown])
        group = row.group or settings.default_group
        if group:
            check_group(self.snapshot, group)
        return Ready(list(dict.fromkeys(row.items)), self._sites[patterns], list(patterns), group, row.num_copies)


def _make(row: CachedCopyRequest, known: _Known, settings: RegistrySettings) -> None:
    asker, wanted = Asker(row.user, row.service), Wanted(row.items, row.sites, row.group or None, row.num_copies)
    try:
        ask_ready_copy(known.snapshot, asker, wanted, known.ready(row, settings))
    except Refused as error:
        request = Request.objects.create(
            kind=RequestKind.COPY, status="rejected", reason=str(error), user=row.user, service=row.service,
            group=row.group, num_copies=row.num_copies, site_patterns=row.sites, first_asked=row.asked,
            last_asked=row.asked, ended=timezone.now(),
        )  # fmt: skip
        write_parts(request, list(dict.fromkeys(row.items)), row.sites)
