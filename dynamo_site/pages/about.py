"""What the database knows of a dataset, a site or a group: requests, locks, file operations, decisions and changes. Plain data."""

from __future__ import annotations

import fnmatch
from typing import Any

from django.db.models import Q
from django.utils import timezone

from consistency.models import Check
from detox import history as detox_history
from detox import monitor
from dynamo_site.pages.lists import by_state
from fileops.models import Subscription
from inventory.history.archive import settled
from inventory.history.changed import NotInHistory, Wanted, rows
from inventory.history.past import Past, directory
from inventory.history.shown import sentence
from registry import locks
from registry.models import DetoxLock, Request, RequestItem, RequestSite

_SHOWN = 20
_WILD = ("*", "?", "[")
KINDS = ("dataset", "site")
"""What changes are kept of."""


def dataset(name: str) -> dict[str, Any]:
    """Requests for it or its blocks, locks in force on it, and its file operations."""
    asked = RequestItem.objects.filter(Q(item=name) | Q(item__startswith=f"{name}#")).values("request_id")
    return {
        "requests": Request.objects.filter(pk__in=asked)[:_SHOWN], "locks": _locks_of(name),
        "operations": by_state(Subscription.objects.filter(dataset=name)),
    }  # fmt: skip


def site(name: str) -> dict[str, Any]:
    """Open file operations there, requests and checks for it, and its last Detox cycles."""
    asked = RequestSite.objects.filter(site=name).values("request_id")
    return {
        "operations": by_state(Subscription.objects.filter(site=name, open_key__isnull=False)),
        "requests": Request.objects.filter(pk__in=asked)[:_SHOWN], "checks": Check.objects.filter(site=name)[:_SHOWN],
        "cycles": _cycles_at(name),
    }  # fmt: skip


def group(name: str) -> dict[str, Any]:
    """Copy requests for the group, the newest ones."""
    return {"requests": Request.objects.filter(group=name)[:_SHOWN]}


def _locks_of(name: str) -> list[DetoxLock]:
    """Locks in force on the dataset, on a block of it, or by a glob that it matches."""
    globs = Q()
    for wild in _WILD:
        globs |= Q(item__contains=wild)
    held = locks.in_force(timezone.now()).order_by("expires")
    direct = held.filter(Q(item=name) | Q(item__startswith=f"{name}#"))
    by_glob = [lock for lock in held.filter(globs) if fnmatch.fnmatchcase(name, lock.item)]
    return list({lock.pk: lock for lock in [*direct, *by_glob]}.values())


def decisions(name: str) -> list[dict[str, Any]]:
    """Of the newest cycle of each partition: what was decided on the dataset, by site and line."""
    literal = "".join(f"[{letter}]" if letter in _WILD else letter for letter in name)
    found = []
    for partition in monitor.partitions():
        cycle = monitor.find_cycle(partition["cycle"])
        try:
            answer = monitor.search(cycle, [literal])
        except detox_history.NotKept:
            # Decisions of an old cycle are forgotten at some time.
            continue
        (result,) = answer["results"]
        found += [
            {"cycle": cycle.pk, "partition": cycle.partition, "started": cycle.started, "site": entry["site"], **decision,
             "text": answer["lines"].get(decision["line"], "")}
            for entry in result["sites"] for decision in entry["datasets"]
        ]  # fmt: skip
    return found


def _cycles_at(name: str) -> list[dict[str, Any]]:
    """The newest cycle of each partition that looked at the site, with what it did there."""
    found = []
    for partition in monitor.partitions():
        cycle = monitor.find_cycle(partition["cycle"])
        row = cycle.sites.filter(site=name).first()
        if row is not None:
            found.append({
                "cycle": cycle.pk, "partition": cycle.partition, "started": cycle.started, "triggered": row.triggered,
                "protected": row.protected, "kept": row.kept, "deleted": row.deleted, "reason": row.reason,
            })  # fmt: skip
    return found


def changes(kind: str, name: str) -> list[dict[str, Any]]:
    """The newest changes of a dataset and what belongs to it, or of a site: time, author, service, version, and what in words."""
    wanted = Wanted(dataset=name, limit=_SHOWN) if kind == "dataset" else Wanted(site=name, table="sites", limit=_SHOWN)
    try:
        found = settled(directory(), lambda archive: rows(Past.of(archive), wanted))
    except NotInHistory:
        # It was there before the history begins.
        return []
    return [
        {name: entry[name] for name in ("time", "author", "service", "version")} | {"text": sentence(entry)}
        for entry in found
    ]
