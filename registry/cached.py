"""Copy requests at high rates: stored at once, made into requests by the next tracker run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from inventory.snapshot import Snapshot
from registry.asking import Asker, Wanted
from registry.errors import Refused
from registry.models import ITEM, SITE, CachedCopyRequest, Request, RequestKind
from registry.naming import check_group, expand_sites, refuse_unknown, unknown_items
from registry.placing import Ready, ask_ready_copy, check_numbers, write_parts
from registry.settings import RegistrySettings

_AT_ONCE = 500  # rows that are held against the inventory together
_LONGEST = {"item": ITEM["max_length"], "site": SITE["max_length"]}


def keep(asker: Asker, wanted: Wanted, settings: RegistrySettings) -> CachedCopyRequest:
    """Store what is asked, unchecked but for what would make it meaningless. Raises Refused."""
    items, sites = _names("item", wanted.items), _names("site", wanted.sites or settings.default_sites)
    check_numbers(items, sites, settings)
    return CachedCopyRequest.objects.create(
        user=asker.user, service=asker.service, items=items, sites=sites, group=wanted.group or "",
        num_copies=1 if wanted.num_copies is None else wanted.num_copies, asked=timezone.now(),
    )  # fmt: skip


def _names(name: str, given: Iterable[str]) -> list[str]:
    """Each once, and without outer spaces: they do not count to every database."""
    found = list(dict.fromkeys(text.strip() for text in given))
    for text in found:
        if len(text) > _LONGEST[name] or not text or not text.isprintable():
            raise Refused(f"{name}: {text[:80]!r} is no name of at most {_LONGEST[name]} characters")
    return found


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
        with transaction.atomic():
            ask_ready_copy(known.snapshot, asker, wanted, known.ready(row, settings))
    except Refused as error:
        _reject(row, str(error))
    except (IntegrityError, DataError) as error:
        # Of this row only; the others wait for their turn.
        _reject(row, f"the database does not take it: {error}")


def _reject(row: CachedCopyRequest, reason: str) -> None:
    request = Request.objects.create(
        kind=RequestKind.COPY, status="rejected", reason=reason, user=row.user, service=row.service,
        group=row.group, num_copies=row.num_copies, site_patterns=row.sites, first_asked=row.asked,
        last_asked=row.asked, ended=timezone.now(),
    )  # fmt: skip
    items, sites = (
        list(dict.fromkeys(text[: _LONGEST[name]].strip() for text in given))
        for name, given in (("item", row.items), ("site", row.sites))
    )
    write_parts(request, items, sites)
