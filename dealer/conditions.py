"""Conditions of the policy language over what Dealer looks at: sites, placements, block replicas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from inventory.policy.compiler import any_expression, variables_of, with_variables
from inventory.policy.model import Condition
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot


def matching_sites(sites: pl.DataFrame, conditions: Sequence[Condition], now: int) -> list[str]:
    """Names of the sites (frame ``sites.SITES``) where one of the conditions (context "site") holds, in order of id."""
    columns = sites.lazy().select("site", "status", "storage_type", "quota", name="site", occupied="present")
    return (
        with_variables(columns, variables_of(conditions))
        .filter(any_expression(conditions, now))
        .collect()["site"]
        .to_list()
    )


def matching_replicas(
    snapshot: Snapshot, replicas: pl.LazyFrame, conditions: Sequence[Condition], now: int
) -> pl.LazyFrame:
    """Those of ``replicas`` (frame(dataset_id, block_id, site_id)) for which one of the conditions (context "block") holds."""
    names = variables_of(conditions)
    key = ["dataset_id", "block_id", "site_id"]
    groups = snapshot.table("groups").select("group_id", pl.col("name").alias("owner"))
    block = snapshot.table("block_replicas").join(replicas.select(key), on=key, how="semi").join(groups, on="group_id")
    block = with_variables(block, _of_level(names, "block")).select(*key, *_of_level(names, "block"))
    for level, on in (("dataset", "dataset_id"), ("site", "site_id")):
        if wanted := _of_level(names, level):
            block = block.join(_facts(snapshot, level, wanted, now), on=on, how="left")
    return block.filter(any_expression(conditions, now)).select(key)


def matching_pairs(
    snapshot: Snapshot, datasets: pl.LazyFrame, conditions: Sequence[Condition], now: int
) -> pl.LazyFrame:
    """frame(dataset_id, site_id) of ``datasets`` (frame(dataset_id)) and all sites where one of the conditions holds.

    The conditions may speak of ``dataset.*`` and ``site.*`` only.
    """
    names = variables_of(conditions)
    facts = _facts(snapshot, "dataset", _of_level(names, "dataset"), now).join(datasets, on="dataset_id", how="semi")
    pairs = facts.join(_facts(snapshot, "site", _of_level(names, "site"), now), how="cross")
    return pairs.filter(any_expression(conditions, now)).select("dataset_id", "site_id")


def _facts(snapshot: Snapshot, level: str, names: Sequence[str], now: int) -> pl.LazyFrame:
    """The id of every dataset, or site, with its variables ``names``."""
    if level == "site":
        return with_variables(snapshot.table("sites"), names).select("site_id", *names)
    sizes = snapshot.table("blocks").group_by("dataset_id").agg(pl.col("size").sum())
    datasets = (
        snapshot.table("datasets")
        .join(sizes, on="dataset_id", how="left")
        .with_columns(pl.col("size").fill_null(0), now=pl.lit(now))
    )
    return with_variables(datasets, names).select("dataset_id", *names)


def _of_level(names: Iterable[str], level: str) -> list[str]:
    return sorted(name for name in names if VARIABLES[name].level == level)
