"""Quotas as operators set them: many at once, by the page of quotas and by the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.entering import TB, check_known
from inventory.partitions import definitions
from inventory.policy.model import Condition
from inventory.snapshot import Snapshot
from registry import audit, rights
from registry.callers import Caller
from registry.errors import Conflict, Refused
from registry.settings import registry_settings
from scheduler import runs

TARGET = "inventory"


@dataclass(frozen=True)
class Wish:
    """A quota as somebody wants it: bytes, negative for no limit. ``before``: what it is thought to be now; None: whatever it is."""

    site: str
    partition: str
    quota: int
    before: int | None = None


def written(quota: int) -> str:
    """Bytes as TB, as people write quotas; "none" for no limit."""
    return "none" if quota < 0 else f"{quota / TB:.12f}".rstrip("0").rstrip(".")


def partitions(snapshot: Snapshot) -> list[str]:
    """Those that have quotas of their own; a union has the sum of its parts'."""
    return sorted(name for name, meaning in definitions(snapshot).items() if isinstance(meaning, Condition))


def known(snapshot: Snapshot) -> dict[tuple[str, str], int]:
    """Bytes by site and simple partition; none is set: 0."""
    names = snapshot.table("partitions").select("partition_id", partition="name")
    rows = snapshot.named("quotas").join(names, on="partition_id").select("site", "partition", "quota").collect()
    set_ones = {(site, partition): quota for site, partition, quota in rows.iter_rows()}
    sites, simple = snapshot.frame("sites")["name"].sort(), partitions(snapshot)
    return {(site, name): set_ones.get((site, name), 0) for site in sites for name in simple}


def set_quotas(by: Caller, wishes: Sequence[Wish], service: str = "") -> int:
    """Set them all in one change set, or none; the inventory's version then. Not within a transaction: its server writes to the same database.

    Raises Denied, ChangeRefused, Conflict (somebody else has changed one of them), TurnBusy.
    """
    rights.require(by, "operator", TARGET)
    if len({(wish.site, wish.partition) for wish in wishes}) < len(wishes):
        raise Refused("quotas: a partition at a site is there twice")
    rows = [{"site": wish.site, "partition": wish.partition, "quota": wish.quota} for wish in wishes]
    arguments, wait = {"changed": len(rows)}, registry_settings().sync_wait
    with runs.writer("quotas", arguments, by.name, wait=wait, service=service or by.service) as run:
        before = _checked(run.snapshot(), wishes)
        commit = run.commit(run.changes().put("quotas", rows))
    changes = [
        (f"quota of {wish.partition} at {wish.site}", {"TB": written(old)}, {"TB": written(wish.quota)})
        for wish, old in zip(wishes, before, strict=True)
    ]
    audit.record_many(by, "quota.set", changes)
    return commit.version


def _checked(snapshot: Snapshot, wishes: Sequence[Wish]) -> list[int]:
    """What the quotas are now."""
    there = known(snapshot)
    check_known("sites", [wish.site for wish in wishes], snapshot.frame("sites")["name"].to_list())
    check_known("partitions with quotas", [wish.partition for wish in wishes], partitions(snapshot))
    for wish in wishes:
        now = there[wish.site, wish.partition]
        if wish.before is not None and wish.before != now:
            raise Conflict(
                f"the quota of {wish.partition} at {wish.site} is {written(now)} meanwhile; it was {written(wish.before)}"
            )
    return [there[wish.site, wish.partition] for wish in wishes]
