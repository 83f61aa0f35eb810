"""Partitions: which block replicas belong to each, what quota it has at each site, and how much of it is used.

A simple partition is a condition over block replicas; a union is a list of others. A replica can be in several partitions.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from inventory.errors import InventoryError
from inventory.policy.compiler import in_force, predicate_expression, with_variables
from inventory.policy.errors import nearest
from inventory.policy.model import Condition, Predicate
from inventory.policy.parser import parse_condition
from inventory.policy.unions import shown, union_members, walk
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot

Definition = Condition | tuple[str, ...]


class PartitionError(InventoryError):
    """A partition is not known, or its definition cannot be used."""


def definitions(snapshot: Snapshot) -> dict[str, Definition]:
    """The partitions' conditions and unions by name. Raises :class:`PartitionError` or PolicyError."""
    rows = snapshot.frame("partitions").select("name", "definition").iter_rows()
    return {name: parse_definition(name, text) for name, text in rows}


def parse_definition(name: str, text: str) -> Definition:
    """One definition: ``[A, B]`` is a union, anything else a condition over block replicas."""
    members = union_members(text)
    return parse_condition(text.strip(), "block", f"<partition {name}>") if members is None else members


def simple_parts(known: Mapping[str, Definition], name: str) -> tuple[str, ...]:
    """The simple partitions that ``name`` consists of: itself, or what its union leads to. Raises :class:`PartitionError`."""
    unions = {other: one for other, one in known.items() if not isinstance(one, Condition)}
    parts = []
    for part, way in walk(unions, name):
        if way.count(part) > 1:
            raise PartitionError(f"partition {part!r} refers to itself: {shown(way)}")
        if part not in known:
            within = f", named by {way[-2]!r}" if len(way) > 1 else ""
            raise PartitionError(f"there is no partition {part!r}{nearest(part, known)}{within}")
        if part not in unions:
            parts.append(part)
    return tuple(parts)


def members(snapshot: Snapshot, names: Iterable[str] | None = None, now: int | None = None) -> pl.LazyFrame:
    """Block replicas of the named partitions (None: of all): partition_id, dataset_id, block_id, site_id.

    ``now``: UTC seconds that relative times count from; default: the snapshot's. Raises :class:`PartitionError`.
    """
    known = definitions(snapshot)
    parts = {name: simple_parts(known, name) for name in (known if names is None else names)}
    replicas = _with_flags(snapshot, known, parts, snapshot.time if now is None else now)
    ids = snapshot.frame("partitions").select("name", "partition_id")
    columns = ("partition_id", "dataset_id", "block_id", "site_id")
    chosen = [
        replicas.filter(_is_in(parts[name])).with_columns(partition_id=pl.lit(number, ids.schema["partition_id"]))
        for name, number in ids.iter_rows()
        if name in parts
    ]
    if not chosen:
        return replicas.clear().with_columns(partition_id=pl.lit(0, ids.schema["partition_id"])).select(columns)
    return pl.concat([frame.select(columns) for frame in chosen])


def quota(snapshot: Snapshot, partition: str) -> pl.DataFrame:
    """Quota of a partition at every site: site_id, quota in bytes; negative: no limit.

    That of a union is the sum of its parts'. Raises :class:`PartitionError`.
    """
    return quota_of_parts(snapshot, simple_parts(definitions(snapshot), partition))


def quota_of_parts(snapshot: Snapshot, parts: Iterable[str]) -> pl.DataFrame:
    """Sum of the quotas of simple partitions at every site, in order of site_id: site_id, quota in bytes."""
    ids = snapshot.table("partitions").filter(pl.col("name").is_in(list(parts))).select("partition_id")
    summed = snapshot.table("quotas").join(ids, on="partition_id").group_by("site_id").agg(pl.col("quota").sum())
    sites = snapshot.table("sites").select("site_id")
    return (
        sites.join(summed, on="site_id", how="left")
        .with_columns(pl.col("quota").fill_null(0))
        .sort("site_id")
        .collect()
    )


def occupancy(snapshot: Snapshot, now: int | None = None) -> pl.DataFrame:
    """Every site and partition: site, partition, quota, present and projected (all in bytes), in order of name.

    ``present`` is what is there; ``projected`` what will be when all replicas are complete. Raises :class:`PartitionError`.
    """
    return occupancy_of(snapshot, definitions(snapshot), snapshot.time if now is None else now)


def occupancy_of(snapshot: Snapshot, known: Mapping[str, Definition], now: int) -> pl.DataFrame:
    """The same for other definitions than the snapshot's; a partition that it does not have has no quota."""
    parts = {name: simple_parts(known, name) for name in known}
    sites = snapshot.frame("sites").select("site_id", pl.col("name").alias("site"))
    used = _used(snapshot, known, parts, now)
    frames = [
        sites.join(quota_of_parts(snapshot, parts[name]), on="site_id")
        .join(used.select("site_id", present=f"present {name}", projected=f"projected {name}"), on="site_id", how="left")
        .select("site", pl.lit(name).alias("partition"), "quota", pl.col("present", "projected").fill_null(0))
        for name in parts
    ]  # fmt: skip
    text, number = pl.String(), pl.Int64()
    empty = pl.DataFrame(
        schema={"site": text, "partition": text, "quota": number, "present": number, "projected": number}
    )
    return pl.concat([empty, *frames]).sort("site", "partition")


def overlaps(snapshot: Snapshot, known: Mapping[str, Definition], now: int) -> pl.DataFrame:
    """Block replicas that two simple partitions share, by site: one, other, site, replicas, size (bytes), and an example: dataset, block."""
    names = [name for name, definition in known.items() if isinstance(definition, Condition)]
    flagged = _with_flags(snapshot, known, {name: (name,) for name in names}, now)
    kinds = flagged.group_by("site_id", *map(_flag, names)).agg(
        pl.len().cast(pl.Int64).alias("replicas"), pl.col("size").sum(), pl.col("dataset_id", "block_id").first()
    ).collect()  # fmt: skip
    shared = kinds.clear().select(pl.lit("").alias("one"), pl.lit("").alias("other"), *_SHARED)
    frames = [
        kinds.filter(pl.col(_flag(one)) & pl.col(_flag(other))).select(pl.lit(one).alias("one"), pl.lit(other).alias("other"), *_SHARED)
        for one, other in itertools.combinations(names, 2)
    ]  # fmt: skip
    found = pl.concat([shared, *frames]).group_by("one", "other", "site_id", maintain_order=True).agg(
        pl.col("replicas", "size").sum(), pl.col("dataset_id", "block_id").first()
    )  # fmt: skip
    for table, key in (("dataset", "dataset_id"), ("block", "block_id"), ("site", "site_id")):
        named = snapshot.frame(f"{table}s").select(key, pl.col("name").alias(table))
        found = found.join(named, on=key, how="left", maintain_order="left").drop(key)
    return found.sort("one", "other", "site")


_SHARED = ("site_id", "replicas", "size", "dataset_id", "block_id")


def _used(
    snapshot: Snapshot, known: Mapping[str, Definition], parts: Mapping[str, Sequence[str]], now: int
) -> pl.DataFrame:
    blocks = snapshot.table("blocks").select("block_id", pl.col("size").alias("whole"))
    replicas = _with_flags(snapshot, known, parts, now).join(blocks, on="block_id", how="left")
    sums = [
        pl.col(column).filter(_is_in(parts[name])).sum().alias(f"{label} {name}")
        for name in parts
        for column, label in (("size", "present"), ("whole", "projected"))
    ]
    return replicas.group_by("site_id").agg(sums).collect()


def _flag(name: str, level: str = "") -> str:
    return f"in {name}@{level}" if level else f"in {name}"


def _is_in(parts: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(_flag(name) for name in parts)


def _with_flags(
    snapshot: Snapshot, known: Mapping[str, Definition], parts: Mapping[str, Sequence[str]], now: int
) -> pl.LazyFrame:
    """Block replicas with one flag for each simple partition.

    Each predicate is decided once for each dataset, site or group, not for each replica.
    """
    needed = dict.fromkeys(part for name in parts for part in parts[name])
    conditions = {name: condition for name in needed if isinstance(condition := known[name], Condition)}
    replicas = snapshot.table("block_replicas")
    for level, (frame, key) in _levels(snapshot, conditions, now).items():
        flags = _decided(frame, level, conditions, now)
        replicas = replicas.join(flags.select(key, pl.selectors.ends_with(f"@{level}")), on=key, how="left")
    replicas = _decided(replicas, "block", conditions, now)
    return replicas.with_columns(
        pl.all_horizontal(pl.lit(in_force(condition, now)), *(_flag(name, level) for level in _used_levels(condition))).alias(_flag(name))
        for name, condition in conditions.items()
    )  # fmt: skip


def _levels(snapshot: Snapshot, conditions: Mapping[str, Condition], now: int) -> dict[str, tuple[pl.LazyFrame, str]]:
    """The small tables on which predicates are decided, with their key; only those that are needed."""
    size = snapshot.table("blocks").group_by("dataset_id").agg(pl.col("size").sum())
    datasets = snapshot.table("datasets").join(size, on="dataset_id", how="left")
    tables = {
        "dataset": (datasets.with_columns(pl.col("size").fill_null(0), now=pl.lit(now)), "dataset_id"),
        "site": (snapshot.table("sites"), "site_id"),
        "group": (snapshot.table("groups").with_columns(pl.col("name").alias("owner")), "group_id"),
    }
    used = {level for condition in conditions.values() for level in _used_levels(condition)}
    return {level: table for level, table in tables.items() if level in used}


def _level(predicate: Predicate) -> str:
    """Where the predicate can be decided; a block replica's owner is a matter of the group alone."""
    variable = VARIABLES[predicate.variable]
    return "group" if variable.compute.meta.root_names() == ["owner"] else variable.level


def _used_levels(condition: Condition) -> list[str]:
    return list(dict.fromkeys(_level(predicate) for predicate in condition.predicates))


def _decided(frame: pl.LazyFrame, level: str, conditions: Mapping[str, Condition], now: int) -> pl.LazyFrame:
    """The frame with ``in <partition>@<level>``: whether all predicates of that level hold."""
    wanted = {
        name: [predicate for predicate in condition.predicates if _level(predicate) == level]
        for name, condition in conditions.items()
    }
    names = {predicate.variable for predicates in wanted.values() for predicate in predicates}
    if not names:
        return frame
    flags = [
        functools.reduce(operator.and_, (predicate_expression(part, now) for part in predicates)).alias(_flag(name, level))
        for name, predicates in wanted.items()
        if predicates
    ]  # fmt: skip
    return with_variables(frame, names).with_columns(flags).drop(names)
