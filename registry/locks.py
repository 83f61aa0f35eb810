"""Detox locks: setting, releasing and listing them, and which block replicas they keep Detox off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from inventory.schema import TABLES
from inventory.snapshot import Snapshot
from registry import audit, rights
from registry.asking import Asker
from registry.callers import Caller
from registry.desk import desk
from registry.errors import Denied, NotThere, Refused
from registry.models import DetoxLock
from registry.naming import matches
from registry.requests import item_parts
from registry.rights import Who
from registry.settings import registry_settings

_AT_ONCE = 500
_Where = tuple[str, str, str]
"""Item, sites and groups of a lock."""
LOCKED = pl.Schema({name: TABLES["block_replicas"].schema[name] for name in ("dataset_id", "block_id", "site_id")})


@dataclass(frozen=True)
class Wish:
    """One lock as its owner wants it; empty ``sites`` or ``groups``: all."""

    item: str
    expires: datetime
    sites: str = ""
    groups: str = ""
    comment: str = ""


def in_force(now: datetime) -> QuerySet[DetoxLock]:
    """Locks that are neither released nor expired at ``now``."""
    return DetoxLock.objects.filter(unlocked=None, expires__gt=now)


def locked(snapshot: Snapshot, now: int) -> pl.DataFrame:
    """Block replicas that a lock covers at ``now`` (UTC seconds): dataset_id, block_id, site_id, each once.

    A site or group pattern that matches nothing any more stands for all of them: in doubt data stays.
    """
    rows = in_force(datetime.fromtimestamp(now, UTC)).values_list("item", "sites", "groups")
    return covered(snapshot, list(rows))


def covered(snapshot: Snapshot, locks: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    """The same for ``locks`` (item, sites, groups); pure. Locks of like sites and groups are looked up together."""
    by_where: dict[tuple[str, str], list[str]] = {}
    for item, sites, groups in locks:
        by_where.setdefault((sites, groups), []).append(item)
    if not by_where:
        return pl.DataFrame(schema=LOCKED)
    items = pl.collect_all([_items(snapshot, named) for named in by_where.values()])
    # Once for all locks: few datasets are locked, and there are many replicas.
    datasets = pl.concat(items).select("dataset_id").unique().lazy()
    candidates = snapshot.table("block_replicas").join(datasets, on="dataset_id", how="semi")
    candidates = candidates.select(*LOCKED.names(), "group_id").collect().lazy()
    found = [
        _covered(snapshot, candidates, chosen.lazy(), *where) for where, chosen in zip(by_where, items, strict=True)
    ]
    return pl.concat(pl.collect_all(found)).unique().sort(LOCKED.names())


def _covered(snapshot: Snapshot, replicas: pl.LazyFrame, items: pl.LazyFrame, sites: str, groups: str) -> pl.LazyFrame:
    replicas = replicas.join(items, on="dataset_id", how="inner")
    replicas = replicas.filter(pl.col("only_block").is_null() | (pl.col("only_block") == pl.col("block_id")))
    for table, key, pattern in (("sites", "site_id", sites), ("groups", "group_id", groups)):
        chosen = _ids(snapshot, table, key, pattern)
        if chosen is not None:
            replicas = replicas.filter(pl.col(key).is_in(chosen.implode()))
    return replicas.select(LOCKED.names())


def _ids(snapshot: Snapshot, table: str, key: str, pattern: str) -> pl.Series | None:
    """Ids that the glob matches; None: all."""
    if not pattern:
        return None
    ids = snapshot.frame(table).filter(matches("name", [pattern]))[key]
    return ids if len(ids) else None


def _items(snapshot: Snapshot, items: list[str]) -> pl.LazyFrame:
    """dataset_id and only_block (block id; null: every block) of what the items name."""
    parts = [item_parts(item) for item in items]
    whole = [dataset for dataset, block in parts if block is None]
    datasets = snapshot.table("datasets").select("dataset_id", "name")
    found = []
    if whole:
        chosen = datasets.filter(matches("name", whole))
        found.append(chosen.select("dataset_id", only_block=pl.lit(None, pl.UInt32)))
    blocks = [(dataset, block) for dataset, block in parts if block is not None]
    if blocks:
        wanted = pl.LazyFrame(blocks, {"dataset": pl.String, "block": pl.String}, orient="row")
        known = datasets.join(wanted, left_on="name", right_on="dataset").select("dataset_id", "block")
        all_blocks = snapshot.table("blocks").select("dataset_id", "name", only_block="block_id")
        joined = all_blocks.join(known, left_on=["dataset_id", "name"], right_on=["dataset_id", "block"])
        found.append(joined.select("dataset_id", pl.col("only_block").cast(pl.UInt32)))
    return pl.concat(found).unique()


def set_locks(wishes: Sequence[Wish], user: str, service: str = "") -> list[DetoxLock]:
    """Make the locks; a lock of this user and service on the same item, sites and groups gets the new expiry and comment."""
    now = timezone.now()
    latest = now + timedelta(days=registry_settings().max_lock_days)
    for wish in wishes:
        _check(wish, now, latest)
    with desk():
        known = _held_by(user, service, [wish.item for wish in wishes], now)
        made = [_set(wish, known, user, service, now) for wish in wishes]
        unique = {id(lock): lock for lock in made}.values()
        DetoxLock.objects.bulk_update(
            [lock for lock in unique if lock.pk], ["expires", "comment", "warned"], batch_size=_AT_ONCE
        )
        DetoxLock.objects.bulk_create([lock for lock in unique if not lock.pk], batch_size=_AT_ONCE)
        audit.record_many(Asker(user, service), "lock.set", [(lock.item, None, _shown(lock)) for lock in unique])
        return made


def _shown(lock: DetoxLock) -> dict[str, object]:
    return {name: getattr(lock, name) for name in ("sites", "groups", "expires", "comment")}


def _check(wish: Wish, now: datetime, latest: datetime) -> None:
    if not wish.item:
        raise Refused("item: is empty")
    for name, longest in (("item", 768), ("sites", 255), ("groups", 255)):
        if len(getattr(wish, name)) > longest:
            raise Refused(f"{name}: {getattr(wish, name)[:40]}… is longer than {longest} characters")
    if wish.expires <= now:
        raise Refused(f"expires: {wish.expires:%Y-%m-%d %H:%M:%S} UTC is in the past; a lock protects until it expires")
    if wish.expires > latest:
        raise Refused(f"expires: {wish.expires:%Y-%m-%d} is too far ahead; the latest is {latest:%Y-%m-%d}")


def _held_by(user: str, service: str, items: Sequence[str], now: datetime) -> dict[_Where, DetoxLock]:
    """The newest lock in force of the user and service by item, sites and groups."""
    found: dict[_Where, DetoxLock] = {}
    for start in range(0, len(items), _AT_ONCE):
        rows = in_force(now).filter(user=user, service=service, item__in=items[start : start + _AT_ONCE])
        for lock in rows.select_for_update().order_by("id"):
            found[lock.item, lock.sites, lock.groups] = lock
    return found


def _set(wish: Wish, known: dict[_Where, DetoxLock], user: str, service: str, now: datetime) -> DetoxLock:
    """The lock of ``known`` changed as wished, or a new one, noted there; not saved."""
    where = (wish.item, wish.sites, wish.groups)
    if where not in known:
        known[where] = DetoxLock(
            item=wish.item, sites=wish.sites, groups=wish.groups, locked=now, user=user, service=service
        )
    lock = known[where]
    lock.warned = lock.warned if lock.expires == wish.expires else None
    lock.expires, lock.comment = wish.expires, wish.comment or lock.comment
    return lock


def releases_any(who: Who) -> bool:
    """Whether ``who`` may release others' locks: an operator of Detox or of the registry."""
    return any(rights.has(who, "operator", target) for target in ("detox", "registry"))


def release(locks: QuerySet[DetoxLock], by: Caller) -> list[DetoxLock]:
    """Release those of ``locks`` that hold: one's own, or any (see :func:`releases_any`). Released ones stay in the table. Raises Denied."""
    with desk(), audit.one_record():
        held = list(locks.filter(unlocked=None).order_by("id").select_for_update())
        foreign = [lock for lock in held if lock.user != by.name]
        if foreign and not releases_any(by):
            raise Denied(
                f"lock {foreign[0].pk} belongs to {foreign[0].user}; only its owner or an operator may release it"
            )
        _released(by, held)
        return held


def _released(by: audit.Who, held: Sequence[DetoxLock]) -> None:
    now = timezone.now()
    DetoxLock.objects.filter(pk__in=[lock.pk for lock in held]).update(unlocked=now)
    for lock in held:
        lock.unlocked = now
    audit.record_many(by, "lock.release", [(lock.item, {"user": lock.user, **_shown(lock)}, None) for lock in held])


@transaction.atomic
def replace(wishes: Sequence[Wish], user: str, service: str = "") -> list[DetoxLock]:
    """Make the user's locks under this service exactly ``wishes``: set those, release all others."""
    kept = set_locks(wishes, user, service)
    others = DetoxLock.objects.filter(user=user, service=service, unlocked=None)
    _released(Asker(user, service), list(others.exclude(pk__in=[lock.pk for lock in kept]).select_for_update()))
    return kept


@dataclass(frozen=True)
class LockFilter:
    """Which locks to list or release; empty fields do not filter. Bounds of time are inclusive."""

    ids: tuple[int, ...] = ()
    service: str | None = None
    items: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    created_before: datetime | None = None
    created_after: datetime | None = None
    expires_before: datetime | None = None
    expires_after: datetime | None = None

    def apply(self, locks: QuerySet[DetoxLock]) -> QuerySet[DetoxLock]:
        """The locks that pass."""
        conditions = {
            "pk__in": self.ids, "item__in": self.items, "sites__in": self.sites,
            "groups__in": self.groups, "locked__lte": self.created_before, "locked__gte": self.created_after,
            "expires__lte": self.expires_before, "expires__gte": self.expires_after,
        }  # fmt: skip
        chosen = locks.filter(Q(**{name: value for name, value in conditions.items() if value not in ((), None)}))
        return chosen if self.service is None else chosen.filter(service=self.service)


def existing(ids: Sequence[int]) -> QuerySet[DetoxLock]:
    """The locks with these numbers; NotThere names one that does not exist."""
    locks = DetoxLock.objects.filter(pk__in=ids)
    missing = set(ids) - set(locks.values_list("pk", flat=True))
    if missing:
        raise NotThere(f"lockid: there is no lock {min(missing)}")
    return locks
