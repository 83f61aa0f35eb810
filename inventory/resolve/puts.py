"""Puts of a change set: one full row per key from what was given, what was there, and defaults."""

from __future__ import annotations

from typing import Any

import polars as pl

from inventory.changes import KEYS
from inventory.errors import Problem
from inventory.resolve.names import check_lfns, check_names, with_ids
from inventory.resolve.workspace import ID_COLUMNS, Workspace
from inventory.schema import NO_GROUP_ID, TABLES

NOW = object()
DEFAULTS: dict[str, dict[str, Any]] = {
    "groups": {"level": "Dataset"},
    "sites": {"host": "", "storage_type": "DISK", "backend": "", "status": "READY"},
    "path_rules": {},
    "partitions": {},
    "quotas": {},
    "datasets": {
        "status": "UNKNOWN", "data_type": "unknown", "is_open": True, "last_update": NOW,
        "num_access": 0, "last_access": 0, "demand_rank": 0.0,
    },
    "blocks": {"size": 0, "num_files": 0, "is_open": True, "last_update": NOW},
    "files": {},
    "dataset_replicas": {"growing": False, "group_id": NO_GROUP_ID},
    "block_replicas": {"custodial": False, "size": 0, "num_files": 0, "complete": True, "last_update": NOW},
}  # fmt: skip
"""Values of columns that a new row does not give; a column that is neither here nor nullable has to be given."""

_IDENTITY = {"blocks": ["dataset_id", "name"], "files": ["block_id", "directory", "base_name"]}


def put_all(space: Workspace) -> None:
    """Put the rows of the change set, parents before what refers to them."""
    for table in TABLES:
        rows = space.changes.puts.get(table)
        if rows is not None and rows.height:
            _put(space, table, rows)


def _put(space: Workspace, table: str, rows: pl.DataFrame) -> None:
    rows = _one_per_key(space, table, rows)
    if table in ("groups", "sites", "partitions", "datasets", "blocks"):
        check_names(space, table, rows["name"])
    if table == "files":
        check_lfns(space, rows["lfn"])
    rows = with_ids(space, table, rows)
    if table == "replica_files":
        space.given[table] = rows
        return
    rows = _filled(space, table, rows)
    space.given[table] = rows
    space.upsert(table, rows)


def _one_per_key(space: Workspace, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the same key made one; notes those that contradict each other, and keys that are null."""
    key = list(KEYS[table])
    for name in key:
        if rows[name].null_count():
            space.problems.append(Problem(table, f"{rows[name].null_count()} rows without {name!r}"))
    rows = rows.drop_nulls(key)
    if rows.height < 2 or not rows.select(pl.struct(key).is_duplicated().any()).item():
        return rows
    values = [name for name in rows.columns if name not in key]
    groups = rows.group_by(key, maintain_order=True)
    if values:
        unlike = groups.agg(pl.col(values).drop_nulls().n_unique()).filter(pl.any_horizontal(pl.col(values) > 1))
        for row in unlike.iter_rows(named=True):
            which = ", ".join(name for name in values if row[name] > 1)
            named = " ".join(str(row[name]) for name in key)
            space.problems.append(Problem(table, f"{named}: given twice with different {which}"))
    return groups.agg(pl.col(values).drop_nulls().first())


def _filled(space: Workspace, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Full rows; ``is_new`` and, for each column given, ``<column>_given`` stand beside them."""
    schema = TABLES[table].schema
    identity = _IDENTITY.get(table, ["name"] if "name" in schema else list(TABLES[table].key))
    old = space.frame(table).rename(lambda name: name if name in identity else f"{name}_old").with_columns(was=True)
    joined = rows.join(old, on=identity, how="left", maintain_order="left")
    joined = joined.with_columns(is_new=pl.col("was").is_null())
    own = ID_COLUMNS.get(table)
    if own is not None:
        joined = _with_own_ids(space, table, joined, own)
    given = [name for name in schema if name in rows.columns and name not in identity]
    joined = joined.with_columns(pl.col(name).alias(f"{name}_given") for name in given)
    columns = [name for name in schema if name not in identity and name != own and f"{name}_old" in joined.columns]
    joined = joined.with_columns(_value(space, table, name, given) for name in columns)
    _note_missing(space, table, joined, columns)
    if table == "block_replicas":
        joined = _with_groups(space, joined)
    keep = [*schema.names(), "is_new", *(f"{name}_given" for name in given), *(n for n in KEYS[table] if n in rows)]
    return joined.select(*dict.fromkeys(keep))


def _value(space: Workspace, table: str, name: str, given: list[str]) -> pl.Expr:
    dtype = TABLES[table].schema[name]
    default = DEFAULTS[table].get(name)
    values = [pl.col(name)] if name in given else []
    values.append(pl.col(f"{name}_old"))
    if default is not None:
        values.append(pl.lit(space.time if default is NOW else default, dtype=dtype))
    return pl.coalesce(values).cast(dtype).alias(name)


def _with_own_ids(space: Workspace, table: str, rows: pl.DataFrame, own: str) -> pl.DataFrame:
    rows = rows.rename({f"{own}_old": own})
    number = int(rows["is_new"].sum())
    if not number:
        return rows
    ids = space.new_ids(table, number)
    # The n-th new row gets the n-th new id.
    place = pl.col("is_new").cum_sum().cast(pl.Int64) - 1
    fresh = pl.lit(ids).gather(pl.when("is_new").then(place).otherwise(0))
    return rows.with_columns(pl.when("is_new").then(fresh).otherwise(pl.col(own)).alias(own))


def _note_missing(space: Workspace, table: str, rows: pl.DataFrame, columns: list[str]) -> None:
    optional = {column.name for column in TABLES[table].columns if column.nullable}
    optional |= {"group_id"} if table == "block_replicas" else set()
    for name in columns:
        if name in optional or not rows[name].null_count():
            continue
        for row in rows.filter(pl.col(name).is_null()).select(KEYS[table]).iter_rows():
            space.problems.append(Problem(table, f"{' '.join(map(str, row))}: {name!r} has to be given"))


def _with_groups(space: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """Owner groups of new block replicas default to the dataset replica's."""
    replicas = space.frame("dataset_replicas").select("dataset_id", "site_id", pl.col("group_id").alias("_group"))
    rows = rows.join(replicas, on=["dataset_id", "site_id"], how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce("group_id", "_group", pl.lit(NO_GROUP_ID, dtype=pl.UInt16)).alias("group_id"))
