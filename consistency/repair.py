"""What to do about what a check found: a pure function from findings to a plan. Effects are in ``check.py``."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from consistency.compare import Findings
from consistency.settings import ConsistencySettings
from inventory.snapshot import Snapshot, lfn


@dataclass(frozen=True)
class Plan:
    """What a repair does.

    ``lost``: frame(dataset, block, lfn, site) that the inventory must forget at the site; ``copies``: frame(dataset,
    block, lfn, site, size, adler32, tape: only tape has it); ``unrecoverable``: frame(dataset, block, lfn, site, size), no
    other copy anywhere; ``orphans``: frame(lfn, size); ``directories``: LFN directories, deepest first;
    ``alarms``: why something is left to a person.
    """

    lost: pl.DataFrame
    copies: pl.DataFrame
    unrecoverable: pl.DataFrame
    orphans: pl.DataFrame
    directories: list[str]
    alarms: list[str] = field(default_factory=list)


def plan(findings: Findings, snapshot: Snapshot, site: str, num_expected: int, settings: ConsistencySettings) -> Plan:
    """The repair of ``site``; more than the allowed number of missing or orphans needs a person's confirmation."""
    missing, alarms = findings.missing, []
    if reason := _too_many_missing(missing.height, num_expected, settings):
        alarms.append(reason)
        missing = missing.clear()
    orphans = findings.orphans
    if orphans.height > settings.max_orphan:
        alarms.append(f"{orphans.height} orphans are more than {settings.max_orphan}: confirm the run to delete them")
        orphans = orphans.clear()
    named = _named(missing, snapshot).with_columns(pl.lit(site).alias("site"))
    elsewhere = _elsewhere(missing, snapshot, site)
    judged = named.join(elsewhere, on="file_id", how="left")
    found = pl.col("tape").is_not_null()
    keys = ["dataset", "block", "lfn", "site"]
    unrecoverable = judged.filter(~found).select(*keys, "size")
    if unrecoverable.height:
        alarms.append(
            f"{unrecoverable.height} missing files have no other copy: a person must invalidate or restore them"
        )
    return Plan(
        lost=judged.select(keys),
        copies=judged.filter(found).select(*keys, "size", "adler32", "tape"),
        unrecoverable=unrecoverable,
        orphans=orphans.select(lfn(), "size"),
        directories=findings.empty_directories["directory"].to_list(),
        alarms=alarms,
    )


def _too_many_missing(missing: int, expected: int, settings: ConsistencySettings) -> str | None:
    if missing > settings.max_missing:
        return f"{missing} missing files are more than {settings.max_missing}: confirm the run to replace them"
    if missing > 1 and missing > settings.max_missing_fraction * expected:
        share = f"{missing} of {expected} expected files are missing"
        return f"{share}; is the storage there at all? Confirm the run to replace them"
    return None


def _named(missing: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    datasets = snapshot.table("datasets").select("dataset_id", pl.col("name").alias("dataset"))
    blocks = snapshot.table("blocks").select("block_id", pl.col("name").alias("block"))
    return (
        missing.lazy().with_columns(lfn())
        .join(datasets, on="dataset_id").join(blocks, on="block_id").collect()
    )  # fmt: skip


def _elsewhere(missing: pl.DataFrame, snapshot: Snapshot, site: str) -> pl.DataFrame:
    """frame(file_id, tape): files that another usable site has; ``tape``: only tape has them."""
    sites = snapshot.table("sites").filter((pl.col("name") != site) & (pl.col("status") == "READY"))
    sites = sites.select("site_id", (pl.col("storage_type") == "MSS").alias("tape"))
    wanted = missing.lazy().select("block_id", "file_id")
    whole = snapshot.table("block_replicas").filter("complete").select("block_id", "site_id")
    listed = snapshot.table("replica_files").select("file_id", "site_id")
    copies = pl.concat([
        wanted.join(whole, on="block_id").select("file_id", "site_id"),
        listed.join(wanted.select("file_id"), on="file_id", how="semi").select("file_id", "site_id"),
    ])  # fmt: skip
    return copies.join(sites, on="site_id").group_by("file_id").agg(pl.col("tape").all()).collect()
