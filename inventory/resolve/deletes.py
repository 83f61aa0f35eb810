"""Deletes of a change set, with everything that depends on what goes."""

from __future__ import annotations

import polars as pl

from inventory.errors import Problem
from inventory.resolve.names import with_ids
from inventory.resolve.workspace import Workspace
from inventory.schema import NO_GROUP_NAME, TABLES

DEPENDENTS = {
    "sites": (["site_id"], ("path_rules", "quotas", "dataset_replicas", "block_replicas", "replica_files")),
    "partitions": (["partition_id"], ("quotas",)),
    "datasets": (["dataset_id"], ("blocks", "files", "dataset_replicas", "block_replicas", "replica_files")),
    "blocks": (["block_id"], ("files", "block_replicas", "replica_files")),
    "files": (["file_id"], ("replica_files",)),
    "dataset_replicas": (["dataset_id", "site_id"], ("block_replicas", "replica_files")),
    "block_replicas": (["block_id", "site_id"], ("replica_files",)),
}
"""By table: the columns that tell dependents, and the tables that depend on it."""

_ORDER = ("groups", *DEPENDENTS, "path_rules", "quotas", "replica_files")


def delete_all(space: Workspace) -> None:
    """Take away what the change set deletes. Rows that do not exist are passed over."""
    for table in _ORDER:
        rows = space.changes.deletes.get(table)
        if rows is not None and rows.height:
            _delete(space, table, rows.unique())
    for table in ("block_replicas", "replica_files"):
        if space.changes.puts or space.changes.deletes:
            space.kept[table] = space.frame(table)


def _delete(space: Workspace, table: str, rows: pl.DataFrame) -> None:
    if table == "groups" and NO_GROUP_NAME in rows["name"]:
        space.problems.append(Problem(table, f"group {NO_GROUP_NAME} cannot be deleted: it stands for no group"))
    keys = _keys(space, table, rows)
    if table == "replica_files":
        space.gone_files = keys.select(TABLES[table].schema.names())
    _remove(space, table, keys, list(TABLES[table].key))
    columns, dependents = DEPENDENTS.get(table, ([], ()))
    for dependent in dependents:
        _remove(space, dependent, keys, columns)


def _keys(space: Workspace, table: str, rows: pl.DataFrame) -> pl.DataFrame:
    rows = with_ids(space, table, rows, strict=False)
    if table in ("files", "blocks") or "name" in rows.columns:
        own = ["dataset_id", "name"] if table == "blocks" else ["name"]
        own = ["block_id", "directory", "base_name"] if table == "files" else own
        return rows.select(own).join(space.frame(table), on=own, how="inner")
    return rows


def _remove(space: Workspace, table: str, keys: pl.DataFrame, columns: list[str]) -> None:
    before = space.frame(table)
    after = before.join(keys, on=columns, how="anti")
    if after.height != before.height:
        space.set(table, after)
