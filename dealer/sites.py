"""Which sites a cycle may place data at, and how full they are."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import polars as pl

from dealer.settings import DealerSettings
from inventory.errors import InventoryError
from inventory.partitions import occupancy
from inventory.snapshot import Snapshot

READY = "READY"
TAPE = "MSS"
GONE = ("MORGUE", "UNKNOWN")
"""Statuses of sites that do not come back by themselves."""

SITES = pl.Schema({
    "site_id": pl.UInt16, "site": pl.String, "status": pl.String, "storage_type": pl.String, "quota": pl.Int64,
    "present": pl.Int64, "projected": pl.Int64, "listed": pl.Boolean, "nameable": pl.Boolean, "closed": pl.String,
})  # fmt: skip
"""All sites by id. Bytes of the partition: ``quota``, ``present``, ``projected``; ``listed``: may be a target of any proposal;
``nameable``: of one that names it; ``closed``: why it takes nothing now, or null."""


class UnknownPartition(InventoryError):
    """A cycle was asked for a partition that the inventory does not have."""


def sites_of(snapshot: Snapshot, partition: str, settings: DealerSettings, now: int) -> pl.DataFrame:
    """All sites as a cycle of ``partition`` at ``now`` (UTC seconds) sees them: frame ``SITES``.

    Raises :class:`UnknownPartition`.
    """
    known = snapshot.frame("partitions")["name"].to_list()
    if partition not in known:
        raise UnknownPartition(f"no partition {partition!r}; there are {', '.join(sorted(known)) or 'none'}")
    used = (
        occupancy(snapshot, now)
        .filter(pl.col("partition") == partition)
        .select("site", "quota", "present", "projected")
    )
    sites = snapshot.frame("sites").select(
        "site_id",
        pl.col("name").alias("site"),
        pl.col("status").cast(pl.String),
        pl.col("storage_type").cast(pl.String),
    )
    sites = sites.join(used, on="site", how="left").with_columns(pl.col("quota", "present", "projected").fill_null(0))
    rows = sites.sort("site_id").to_dicts()
    for row in rows:
        tape = row["storage_type"] == TAPE
        row["nameable"] = matches(row["site"], settings.target_sites)
        row["listed"] = matches(
            row["site"], [glob for glob in settings.target_sites if glob != "*"] if tape else settings.target_sites
        )
        row["closed"] = closed(row["status"], row["quota"], row["present"], row["projected"], settings)
    return pl.DataFrame(rows, schema=SITES, orient="row")


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether the last of the ordered ``globs`` that matches ``name`` is not a ``!glob``."""
    found = [glob for glob in globs if fnmatchcase(name, glob.removeprefix("!"))]
    return bool(found) and not found[-1].startswith("!")


def occupancy_of(quota: float, size: float) -> float:
    """``size`` over ``quota``; a negative quota is no limit (0), no quota is no space (infinite)."""
    if quota < 0:
        return 0.0
    return size / quota if quota else float("inf")


def closed(status: str, quota: int, present: int, projected: int, settings: DealerSettings) -> str | None:
    """Why a site takes nothing now; None when it does."""
    if status != READY:
        return f"status {status}"
    if quota == 0:
        return "no quota for the partition"
    full, pending = occupancy_of(quota, projected), occupancy_of(quota, projected - present)
    if full > settings.target_site_occupancy:
        return f"projected occupancy {full:.3f} is above {settings.target_site_occupancy:g}"
    if pending > settings.max_site_pending_fraction:
        return f"pending fraction {pending:.3f} is above {settings.max_site_pending_fraction:g}"
    return None
