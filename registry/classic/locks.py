"""``/data/detox/lock/…`` and ``/data/detoxlock/…``: lock, unlock, list, set."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import product
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from inventory import client
from inventory.snapshot import Snapshot
from registry import locks, polling
from registry.classic.envelope import Call, Parameter, endpoint
from registry.classic.parameters import checked
from registry.errors import Refused
from registry.locks import LockFilter, Wish
from registry.models import DetoxLock
from registry.naming import is_glob
from registry.requests import item_parts
from registry.settings import registry_settings

_SOON_DAYS = 7
_EVERYBODY = frozenset({"*", "all"})
_TIME = "%Y-%m-%d %H:%M:%S UTC"
_SITES = Parameter("sites", "list", longest=255)
_GROUPS = Parameter("groups", "list", longest=255)
_SERVICE = Parameter("service", longest=255)
_TIMES = tuple(Parameter(f"{what}_{side}", "time") for what in ("created", "expires") for side in ("before", "after"))
_NEW = (
    Parameter("item", required=True, longest=768),
    Parameter("expires", "time", required=True),
    _SITES,
    _GROUPS,
    Parameter("comment", longest=10000),
)
_CHOOSE = (
    Parameter("lockid", "integers", least=1),
    Parameter("item", "list", longest=768),
    _SITES,
    _GROUPS,
    _SERVICE,
    *_TIMES,
)


@endpoint(*_NEW, _SERVICE, changes=True)
def lock(call: Call) -> list[dict[str, Any]]:
    """Lock an item until it expires: one lock per site and group pattern."""
    snapshot = client.snapshot()
    wishes = _wishes(snapshot, call.values)
    before = DetoxLock.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    made = locks.set_locks(wishes, call.caller.name, _service(call))
    call.message = "Lock created" if any(lock.pk > before for lock in made) else "Lock updated"
    if locks.covered(snapshot, [(wish.item, wish.sites, wish.groups) for wish in wishes]).is_empty():
        call.message += "; there is nothing now that it covers"
    return shown(made)


@endpoint(*_CHOOSE, changes=True)
def unlock(call: Call) -> list[dict[str, Any]]:
    """Release locks: the caller's own that match, or by number."""
    if all(call[parameter.name] in (None, []) for parameter in _CHOOSE):
        raise Refused("say which locks: lockid, item, sites, groups, service, created_… or expires_…")
    if call["lockid"] is not None:
        chosen = _chosen(call, locks.existing(call["lockid"]))
        released = locks.release(chosen, call.caller)
    else:
        mine = DetoxLock.objects.filter(user=call.caller.name)
        released = locks.release(_chosen(call, mine), call.caller)
    call.message = "Unlocked" if released else "No lock found"
    return shown(released)


@endpoint(*_CHOOSE, Parameter("user", "list", longest=150), Parameter("showall", "boolean", default=False))
def list_locks(call: Call) -> list[dict[str, Any]]:
    """Locks that match: of the caller unless other users are named (``all`` or ``*``: everybody's); ``showall``: also released ones."""
    most = registry_settings().max_listed
    chosen = DetoxLock.objects.all() if call["showall"] else DetoxLock.objects.filter(unlocked=None)
    users = call["user"]
    if users is None:
        users = [call.caller.name] if call.caller.known and call["lockid"] is None else ["*"]
    found = _chosen(call, chosen.filter(user__in=users) if _EVERYBODY.isdisjoint(users) else chosen)
    rows = list(found.order_by("-id")[:most])
    limit = f"; only the newest {most} are shown" if len(rows) == most else ""
    soon = timezone.now() + timedelta(days=_SOON_DAYS)
    ending = sum(lock.unlocked is None and lock.expires <= soon for lock in rows)
    warning = f"; {ending} of them end within {_SOON_DAYS} days" if ending else ""
    call.message = f"{len(rows)} locks found{limit}{warning}"
    return shown(list(reversed(rows)))


@endpoint(_SERVICE, changes=True, document=True)
def set_locks(call: Call) -> None:
    """Make the caller's locks under the service exactly those of the JSON list in the body."""
    entries, now = call.document, int(time.time())
    if not isinstance(entries, list):
        raise Refused("body: has to be a JSON list of locks")
    if len(entries) > registry_settings().max_items:
        raise Refused(f"body: {len(entries)} locks; at most {registry_settings().max_items}")
    snapshot = client.snapshot()
    wishes = [wish for position, entry in enumerate(entries) for wish in _entry(snapshot, position, entry, now)]
    made = locks.replace(wishes, call.caller.name, _service(call))
    call.message = f"{len({lock.pk for lock in made})} locks"


def _entry(snapshot: Snapshot, position: int, entry: Any, now: int) -> list[Wish]:
    if not isinstance(entry, dict):
        raise Refused(f"body[{position}]: has to be an object with item and expires")
    try:
        return _wishes(snapshot, checked(_NEW, {name: [value] for name, value in entry.items()}, now))
    except Refused as error:
        raise Refused(f"body[{position}]: {error}") from None


def _service(call: Call) -> str:
    return call["service"] or call.caller.service


def _wishes(snapshot: Snapshot, values: Mapping[str, Any]) -> list[Wish]:
    sites, groups = values["sites"] or [""], values["groups"] or [""]
    _, block = item_parts(values["item"])
    if block is not None and (not block or is_glob(values["item"])):
        raise Refused(
            f"item: {values['item'][:200]} would lock nothing; give dataset#block, or a dataset or glob without #"
        )
    for name, table, patterns in (("sites", "sites", sites), ("groups", "groups", groups)):
        _check_names(snapshot, name, table, patterns)
    most = registry_settings().max_items
    if len(sites) * len(groups) > most:
        raise Refused(f"sites, groups: {len(sites)} × {len(groups)} locks at once; at most {most}; use globs")
    comment = values["comment"] or ""
    return [Wish(values["item"], values["expires"], site, group, comment) for site, group in product(sites, groups)]


def _check_names(snapshot: Snapshot, name: str, table: str, patterns: Sequence[str]) -> None:
    known = set(snapshot.frame(table)["name"])
    for pattern in patterns:
        if pattern and not is_glob(pattern) and pattern not in known:
            raise Refused(f"{name}: unknown: {pattern}")


def _chosen(call: Call, among: QuerySet[DetoxLock]) -> QuerySet[DetoxLock]:
    """The locks that the call chooses; a list that is given and empty chooses none."""
    lists = {"ids": call["lockid"], "items": call["item"], "sites": call["sites"], "groups": call["groups"]}
    if [] in lists.values():
        return among.none()
    times = {parameter.name: call[parameter.name] for parameter in _TIMES}
    given: dict[str, Any] = {name: tuple(values) for name, values in lists.items() if values is not None}
    return LockFilter(service=call["service"], **given, **times).apply(among)


def shown(found: Sequence[DetoxLock]) -> list[dict[str, Any]]:
    """Locks as the classic interface shows them; what is empty is left out."""
    dns = polling.dns_of({lock.user for lock in found})
    return [_shown(lock, dns.get(lock.user, "")) for lock in found]


def _shown(lock: DetoxLock, dn: str) -> dict[str, Any]:
    values = {
        "lockid": lock.pk, "user": lock.user, "dn": dn, "item": lock.item, "locked": lock.locked.strftime(_TIME),
        "expires": lock.expires.strftime(_TIME),
    }  # fmt: skip
    if lock.unlocked is not None:
        values["unlocked"] = lock.unlocked.strftime(_TIME)
    more = {name: getattr(lock, name) for name in ("service", "sites", "groups", "comment")}
    return values | {name: value for name, value in more.items() if value}
