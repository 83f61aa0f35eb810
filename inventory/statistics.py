"""How much there is of what: size, replication and usage by category, as the statistics pages and the REST interface show them.

Categories serve as axis (``list_by``) and as constraint: a list of regular expressions, anchored at the start, of which one has
to match; the text ``None`` stands for no value. Constraints on different categories all have to hold. Sizes are in TB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from inventory.errors import InventoryError
from inventory.policy.conditions import regex_mistake
from inventory.policy.errors import nearest
from inventory.policy.patterns import bounded_regex_matches
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot

CATEGORIES: dict[str, tuple[str, str]] = {
    "data_type": ("datasets", "data_type"),
    "dataset_status": ("datasets", "status"),
    "dataset_software_version": ("datasets", "software_version"),
    "dataset": ("datasets", "name"),
    "site": ("sites", "name"),
    "site_status": ("sites", "status"),
    "group": ("groups", "name"),
}
"""Categories with the table and column they are read from."""

NO_VALUE = "None"
_TB = 1e12
_IDS = {"datasets": "dataset_id", "sites": "site_id", "groups": "group_id"}

Constraints = Mapping[str, Sequence[str]]


class StatisticsError(InventoryError):
    """A category is not known, or a constraint is no regular expression; the text names the parameter."""


def size(
    snapshot: Snapshot, list_by: str = "data_type", constraints: Constraints | None = None, physical: bool = True
) -> dict[str, Any]:
    """Size of what is there by ``list_by``, largest first: ``{statistic, content: [{key, size}]}``.

    ``physical``: bytes present; else those of whole blocks. Raises :class:`StatisticsError`.
    """
    content = sizes(snapshot, list_by, constraints, physical).with_columns(pl.col("size") / _TB)
    return {"statistic": "size", "content": content.to_dicts()}


def sizes(
    snapshot: Snapshot, list_by: str = "data_type", constraints: Constraints | None = None, physical: bool = True
) -> pl.DataFrame:
    """The same as rows, in bytes: key, size."""
    chosen = _replicas(snapshot, constraints or {}, [list_by])
    sums = _sums(snapshot, chosen, [list_by], physical)
    return sums.sort("size", list_by, descending=[True, False]).select(key=list_by, size="size")


def replication(
    snapshot: Snapshot, list_by: str = "data_type", constraints: Constraints | None = None
) -> dict[str, Any]:
    """Number of replicas per dataset by ``list_by``, highest first: ``{statistic, content: [{key, mean, rms}]}``.

    Datasets without replica count as 0; ``rms`` is the spread around the mean. Raises :class:`StatisticsError`.
    """
    return {"statistic": "replication", "content": replications(snapshot, list_by, constraints).to_dicts()}


def replications(
    snapshot: Snapshot, list_by: str = "data_type", constraints: Constraints | None = None
) -> pl.DataFrame:
    """The same as rows: key, mean, rms."""
    table, _ = _category(list_by)
    constraints = constraints or {}
    datasets = _matching(snapshot, "datasets", constraints)
    replicas = _dataset_replicas(snapshot, constraints, by_group=table == "groups")
    if table == "datasets":
        counts = datasets.join(replicas.group_by("dataset_id").len(), on="dataset_id", how="left")
        counted = counts.join(_keys(snapshot, list_by), on="dataset_id").group_by(list_by)
        number = pl.col("len").fill_null(0)
        stated = counted.agg(mean=number.mean(), rms=number.std(ddof=0)).collect()
    else:
        # At a site or of a group: over all datasets that match, also those that have nothing there.
        total = datasets.select(pl.len()).collect().item()
        found = replicas.join(datasets, on="dataset_id", how="semi").join(_keys(snapshot, list_by), on=_IDS[table])
        per_dataset = found.group_by(list_by, "dataset_id").len().with_columns(pl.col("len").cast(pl.Int64))
        mean = pl.col("len").sum() / total
        square = (pl.col("len") ** 2).sum() / total
        stated = per_dataset.group_by(list_by).agg(mean=mean, rms=(square - mean**2).clip(0).sqrt()).collect()
    return stated.sort("mean", list_by, descending=[True, False]).select(pl.col(list_by).alias("key"), "mean", "rms")


def usage(
    snapshot: Snapshot, list_by: str = "data_type", constraints: Constraints | None = None, physical: bool = True
) -> dict[str, Any]:
    """Size at each site by ``list_by``: ``{statistic, content: [{site, usage: [{key, size}]}], keys}``.

    Sites in order of name, keys with the largest first. Raises :class:`StatisticsError`.
    """
    ranked = usages(snapshot, list_by, constraints, physical)
    totals = ranked.group_by("key").agg(pl.col("size").sum()).sort("size", "key", descending=[True, False])
    entry = pl.struct("key", size=pl.col("size") / _TB).alias("usage")
    content = ranked.group_by("site", maintain_order=True).agg(entry)
    return {"statistic": "usage", "content": content.to_dicts(), "keys": totals["key"].to_list()}


def usages(
    snapshot: Snapshot, list_by: str = "data_type", constraints: Constraints | None = None, physical: bool = True
) -> pl.DataFrame:
    """The same as rows, in bytes: site, key, size; sites in order of name, keys with the largest first."""
    chosen = _replicas(snapshot, constraints or {}, [list_by])
    sums = _sums(snapshot, chosen, [list_by], physical, by_site=True)
    totals = sums.group_by(list_by).agg(pl.col("size").sum()).sort("size", list_by, descending=[True, False])
    ranked = sums.join(totals.with_row_index("rank").select(list_by, "rank"), on=list_by).sort("at", "rank")
    return ranked.select(site="at", key=list_by, size="size")


def _category(name: str) -> tuple[str, str]:
    if name not in CATEGORIES:
        raise StatisticsError(
            f"list_by: no category {name[:60]!r}{nearest(name, CATEGORIES)}; there are {', '.join(CATEGORIES)}"
        )
    return CATEGORIES[name]


def _keys(snapshot: Snapshot, category: str) -> pl.LazyFrame:
    """id and value of the category (a text, ``None`` for no value)."""
    table, _ = _category(category)
    return snapshot.table(table).select(_IDS[table], _value(category).alias(category))


def _value(category: str) -> pl.Expr:
    table, column = _category(category)
    value = pl.col(column).cast(pl.String)
    if table == "groups":
        value = pl.when(pl.col("group_id") != NO_GROUP_ID).then(value)
    return value.fill_null(NO_VALUE)


def _matching(snapshot: Snapshot, table: str, constraints: Constraints) -> pl.LazyFrame:
    """Ids of the rows of ``table`` for which its constraints hold."""
    frame = snapshot.table(table)
    for category, patterns in constraints.items():
        if _category(category)[0] == table and patterns:
            frame = frame.filter(pl.any_horizontal(_matches(category, pattern) for pattern in patterns))
    return frame.select(_IDS[table])


def _matches(category: str, pattern: str) -> pl.Expr:
    value = _value(category)
    if pattern == NO_VALUE:
        return value == NO_VALUE
    if what := regex_mistake(pattern):
        raise StatisticsError(f"{category}: {pattern[:60]!r} is no regular expression: {what}")
    try:
        return bounded_regex_matches(value, pattern) & (value != NO_VALUE)
    except re.error as error:
        raise StatisticsError(f"{category}: {pattern[:60]!r}: {error}") from None


def _constrained(constraints: Constraints) -> set[str]:
    return {_category(category)[0] for category, patterns in constraints.items() if patterns}


def _replicas(snapshot: Snapshot, constraints: Constraints, keys: Iterable[str]) -> pl.LazyFrame:
    """Block replicas for which the constraints hold."""
    for key in keys:
        _category(key)
    replicas = snapshot.table("block_replicas")
    for table in sorted(_constrained(constraints)):
        replicas = replicas.join(_matching(snapshot, table, constraints), on=_IDS[table], how="semi")
    return replicas


def _dataset_replicas(snapshot: Snapshot, constraints: Constraints, by_group: bool) -> pl.LazyFrame:
    """dataset_id, site_id (and group_id ``by_group``) of dataset replicas; groups are those of their block replicas."""
    replicas = snapshot.table("dataset_replicas").select("dataset_id", "site_id")
    replicas = replicas.join(_matching(snapshot, "sites", constraints), on="site_id", how="semi")
    if not by_group and "groups" not in _constrained(constraints):
        return replicas
    owned = snapshot.table("block_replicas").join(_matching(snapshot, "groups", constraints), on="group_id", how="semi")
    if by_group:
        return (
            owned.select("dataset_id", "site_id", "group_id")
            .unique()
            .join(replicas, on=["dataset_id", "site_id"], how="semi")
        )
    return replicas.join(owned, on=["dataset_id", "site_id"], how="semi")


def _sums(
    snapshot: Snapshot, replicas: pl.LazyFrame, keys: Sequence[str], physical: bool, by_site: bool = False
) -> pl.DataFrame:
    """Sum of sizes by the keys (and the site's name ``at``): first by ids, which are few, then by values."""
    if not physical:
        blocks = snapshot.table("blocks").select("block_id", pl.col("size").alias("whole"))
        replicas = replicas.join(blocks, on="block_id").with_columns(size="whole")
    ids = {_IDS[CATEGORIES[key][0]] for key in keys} | ({"site_id"} if by_site else set())
    sums = replicas.group_by(sorted(ids)).agg(pl.col("size").sum())
    for key in keys:
        sums = sums.join(_keys(snapshot, key), on=_IDS[CATEGORIES[key][0]])
    if by_site:
        sums = sums.join(snapshot.table("sites").select("site_id", pl.col("name").alias("at")), on="site_id")
    return sums.group_by([*keys, *(["at"] if by_site else [])]).agg(pl.col("size").sum()).collect()
