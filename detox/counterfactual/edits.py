"""Single changes to the inputs of a cycle; each returns new inputs and leaves the old ones as they are."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl

from detox.counterfactual.inputs import Inputs, Subject
from inventory.partitions import simple_parts
from inventory.schema import TABLES


def attribute(inputs: Inputs, subject: Subject, column: str, value: Any) -> Inputs:
    """The dataset has another value in a column of ``datasets``."""
    return _set(inputs, "datasets", pl.col("dataset_id") == subject.dataset_id, column, value)


def site_status(inputs: Inputs, site_id: int, status: str) -> Inputs:
    """A site has another status."""
    return _set(inputs, "sites", pl.col("site_id") == site_id, "status", status)


def owner(inputs: Inputs, subject: Subject, group_id: int) -> Inputs:
    """All block replicas of the replica (or the one asked for) belong to another group."""
    return _set(inputs, "block_replicas", _rows(subject), "group_id", group_id)


def arrival(inputs: Inputs, subject: Subject, time: int) -> Inputs:
    """The block replicas were last changed at another time (UTC seconds)."""
    return _set(inputs, "block_replicas", _rows(subject), "last_update", time)


def complete(inputs: Inputs, dataset_id: int, site_id: int) -> Inputs:
    """The block replicas that are there have all their files."""
    sizes = inputs.snapshot.frame("blocks").select("block_id", whole="size")
    rows = inputs.snapshot.frame("block_replicas").join(sizes, on="block_id", how="left", maintain_order="left")
    here = (pl.col("dataset_id") == dataset_id) & (pl.col("site_id") == site_id)
    return inputs.with_table("block_replicas", rows.with_columns(
        size=pl.when(here).then("whole").otherwise("size"), complete=here | pl.col("complete"),
    ))  # fmt: skip


def without_copy(inputs: Inputs, dataset_id: int, site_ids: tuple[int, ...]) -> Inputs:
    """The dataset has nothing at these sites."""
    gone = (pl.col("dataset_id") == dataset_id) & pl.col("site_id").is_in(list(site_ids))
    for name in ("block_replicas", "dataset_replicas"):
        inputs = inputs.with_table(name, inputs.snapshot.frame(name).filter(~gone))
    return inputs


def full_copy(inputs: Inputs, subject: Subject, site_id: int, group_id: int, time: int) -> Inputs:
    """All blocks of the dataset are complete at a site that had nothing of it; they came there at ``time``."""
    blocks = inputs.snapshot.frame("blocks").filter(pl.col("dataset_id") == subject.dataset_id)
    new = blocks.select(
        "dataset_id", "block_id", "size", "num_files", site_id=pl.lit(site_id), group_id=pl.lit(group_id),
        custodial=pl.lit(False), complete=pl.lit(True), last_update=pl.lit(time),
    )  # fmt: skip
    replica = pl.DataFrame({
        "dataset_id": [subject.dataset_id], "site_id": [site_id], "growing": [False], "group_id": [group_id],
    })  # fmt: skip
    return _and_rows(_and_rows(inputs, "block_replicas", new), "dataset_replicas", replica)


def quota(inputs: Inputs, site_id: int, bytes_: int) -> Inputs:
    """The partition has another quota at a site; that of a union is given to the first of its parts, the others get none."""
    parts = simple_parts(inputs.partitions, inputs.policy.partition)
    known = dict(inputs.snapshot.frame("partitions").select("name", "partition_id").iter_rows())
    ids = [known[part] for part in parts if part in known]
    rows = inputs.snapshot.frame("quotas").filter(~((pl.col("site_id") == site_id) & pl.col("partition_id").is_in(ids)))
    new = pl.DataFrame({"site_id": [site_id], "partition_id": ids[:1], "quota": [bytes_]})
    return _and_rows(inputs.with_table("quotas", rows), "quotas", new)


def lock(inputs: Inputs, subject: Subject, held: bool) -> Inputs:
    """A lock covers the block replicas, or none does."""
    rows = inputs.snapshot.frame("block_replicas").filter(_rows(subject))
    locked = inputs.facts.locked.filter(~_rows(subject))
    if held:
        locked = pl.concat([locked, rows.select(locked.columns).cast(locked.schema)])
    return dataclasses.replace(inputs, facts=dataclasses.replace(inputs.facts, locked=locked))


def fact(inputs: Inputs, name: str, row: dict[str, int], holds: bool) -> Inputs:
    """A row of ids is, or is not, in one of the frames of facts."""
    frame = getattr(inputs.facts, name)
    other = frame.filter(~pl.all_horizontal(pl.col(column) == value for column, value in row.items()))
    if holds:
        other = pl.concat([other, pl.DataFrame([row], schema=frame.schema)])
    return dataclasses.replace(inputs, facts=dataclasses.replace(inputs.facts, **{name: other}))


def protected_site(inputs: Inputs, site: str, listed: bool) -> Inputs:
    """A site is, or is not, in the list of protected sites."""
    names = tuple(name for name in inputs.facts.protected_sites if name != site) + ((site,) if listed else ())
    return dataclasses.replace(inputs, facts=dataclasses.replace(inputs.facts, protected_sites=names))


def line_dates(inputs: Inputs, number: int, until: str | None, since: str | None) -> Inputs:
    """A line of the stack carries other dates."""
    stack = tuple(
        dataclasses.replace(line, condition=dataclasses.replace(line.condition, until=until, since=since))
        if line.number == number and line.condition else line
        for line in inputs.policy.stack
    )  # fmt: skip
    return dataclasses.replace(inputs, policy=dataclasses.replace(inputs.policy, stack=stack))


def _rows(subject: Subject) -> pl.Expr:
    mine = (pl.col("dataset_id") == subject.dataset_id) & (pl.col("site_id") == subject.site_id)
    return mine if subject.block_id is None else mine & (pl.col("block_id") == subject.block_id)


def _set(inputs: Inputs, table: str, where: pl.Expr, column: str, value: Any) -> Inputs:
    frame = inputs.snapshot.frame(table)
    wanted = pl.lit(value, TABLES[table].schema[column])
    return inputs.with_table(table, frame.with_columns(pl.when(where).then(wanted).otherwise(column).alias(column)))


def _and_rows(inputs: Inputs, table: str, rows: pl.DataFrame) -> Inputs:
    frame, declared = inputs.snapshot.frame(table), TABLES[table]
    added = rows.select(pl.col(name).cast(kind) for name, kind in declared.schema.items())
    return inputs.with_table(table, pl.concat([frame, added]).sort(declared.key))
