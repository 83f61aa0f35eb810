"""What an inventory has to fulfil after a change set; every breach is told."""

from __future__ import annotations

import re

import polars as pl

from inventory.changes import KEYS
from inventory.errors import Problem
from inventory.policy.errors import PolicyError
from inventory.policy.parser import parse_condition
from inventory.policy.unions import circles, name_mistake, shown, union_members
from inventory.resolve.workspace import REPLICA, Workspace
from inventory.schema import MAX_FILE_SIZE, TABLES


def check(space: Workspace) -> None:
    """Note every breach of a rule."""
    for rule in (_amounts, _texts, _lfns, _replicas, _replica_files, _groups, _partitions, _path_rules):
        rule(space)


def _amounts(space: Workspace) -> None:
    """Sizes, numbers and times that were given are not negative; numbers are finite."""
    limits = {"size": 2**62, "num_access": 2**62, "last_update": 2**53, "last_access": 2**53}
    for table, rows in space.given.items():
        for column, largest in limits.items():
            if f"{column}_given" in rows.columns:
                largest = MAX_FILE_SIZE if (table, column) == ("files", "size") else largest
                given = pl.col(f"{column}_given")
                _note(space, table, column, rows.filter((given < 0) | (given > largest)), f"not within 0 and {largest}")
        for column in ("usage_rank", "demand_rank"):
            if f"{column}_given" in rows.columns:
                _note(space, table, column, rows.filter(~pl.col(f"{column}_given").is_finite()), "not a finite number")


def _note(space: Workspace, table: str, column: str, rows: pl.DataFrame, what: str) -> None:
    labels = [name for name in ("dataset", "block", "name", "lfn", "site") if name in rows.columns]
    for row in rows.iter_rows(named=True):
        named = " ".join(str(row[label]) for label in labels)
        space.problems.append(Problem(table, f"{named}: {column} {row[f'{column}_given']} is {what}"))


def _texts(space: Workspace) -> None:
    """Texts fit the database's columns and statements: what the log has, the tables have to take."""
    for table, rows in space.given.items():
        longest = TABLES[table].longest
        for column in [name for name in longest if name != "name" and name in rows.columns]:
            long = rows.filter(pl.col(column).str.len_chars() > longest[column])
            for *key, text in long.select(*KEYS[table], pl.col(column).alias("_text")).iter_rows():
                what = f"{column} has {len(text)} characters, {longest[column]} are allowed"
                space.refuse(table, [f"{' '.join(map(str, key))}: {what}"])


def _lfns(space: Workspace) -> None:
    """An LFN exists once."""
    given = space.given.get("files")
    if given is None or not (new := given.filter("is_new")).height:
        return
    path = ["directory", "base_name"]
    twice = new.filter(pl.struct(path).is_duplicated())
    for lfn in twice["lfn"].unique(maintain_order=True):
        space.problems.append(Problem("files", f"{lfn!r} is given for two blocks"))
    others = space.snapshot.files_called(new["lfn"])
    gone = space.before["files"].join(space.frame("files"), on="file_id", how="anti")
    for row in others.join(gone, on="file_id", how="anti").iter_rows(named=True):
        space.problems.append(Problem("files", f"{row['lfn']!r} exists in another block"))


def _replicas(space: Workspace) -> None:
    """Block replicas have a dataset replica, and are not larger than their block."""
    if "block_replicas" not in space.before or space.frame("block_replicas") is space.before["block_replicas"]:
        return
    replicas = space.frame("block_replicas")
    alone = replicas.join(space.frame("dataset_replicas"), on=["dataset_id", "site_id"], how="anti")
    for name in _named(space, alone):
        space.problems.append(Problem("block_replicas", f"{name}: there is no replica of the dataset at the site"))
    blocks = space.frame("blocks").select("block_id", block_size="size", block_number="num_files")
    large = replicas.join(blocks, on="block_id").filter(
        (pl.col("size") > pl.col("block_size")) | (pl.col("num_files") > pl.col("block_number"))
    )
    for name, row in zip(_named(space, large), large.iter_rows(named=True), strict=True):
        has = f"{row['size']} bytes in {row['num_files']} files"
        space.problems.append(
            Problem(
                "block_replicas", f"{name}: {has}, more than its block's {row['block_size']} in {row['block_number']}"
            )
        )


def _replica_files(space: Workspace) -> None:
    given = space.given.get("replica_files")
    if given is None:
        return
    for name in _named(space, given.join(space.frame("block_replicas"), on=REPLICA, how="anti").unique(REPLICA)):
        space.problems.append(Problem("replica_files", f"{name}: there is no replica of the block at the site"))


def _named(space: Workspace, replicas: pl.DataFrame) -> list[str]:
    if replicas.is_empty():
        return []
    names = replicas.select(REPLICA)
    for table, key in (("datasets", "dataset_id"), ("blocks", "block_id"), ("sites", "site_id")):
        others = space.frame(table).select(key, pl.col("name").alias(table))
        names = names.join(others, on=key, how="left", maintain_order="left")
    return names.select(pl.format("{}#{} at {}", "datasets", "blocks", "sites")).to_series().to_list()


def _groups(space: Workspace) -> None:
    """A group that owns replicas stays."""
    if "groups" not in space.before or "groups" not in space.changes.deletes:
        return
    gone = space.before["groups"].join(space.frame("groups"), on="group_id", how="anti")
    for group, name in gone.select("group_id", "name").iter_rows():
        for table in ("dataset_replicas", "block_replicas"):
            concerned = space.dataset_ids.implode()
            others = space.snapshot.table(table).filter(
                (pl.col("group_id") == group) & ~pl.col("dataset_id").is_in(concerned)
            )
            number = others.select(pl.len()).collect().item()
            number += space.frame(table).filter(pl.col("group_id") == group).height
            if number:
                what = f"{name!r} still owns {number} {table.replace('_', ' ')}; give them to another group first"
                space.problems.append(Problem("groups", what))


def _partitions(space: Workspace) -> None:
    """Definitions can be read; unions are of partitions that exist, and have no quota of their own."""
    if not {"partitions", "quotas"} & {*space.given, *space.changes.deletes}:
        return
    definitions = dict(space.frame("partitions").select("name", "definition").drop_nulls().iter_rows())
    unions = {name: members for name, text in definitions.items() if (members := union_members(text)) is not None}
    back = circles(unions)
    for name, members in unions.items():
        what = [f"{name!r}: no partition {member!r}" for member in members if member and member not in definitions]
        what += [f"{name!r}: a union cannot contain itself: {shown(back[name])}"] if name in back else []
        what += [f"{name!r}: a union of nothing, or with a comma too many"] if "" in members else []
        space.refuse("partitions", what)
    given = space.given.get("partitions", pl.DataFrame({"name": []}, schema={"name": pl.String}))
    for name in given["name"]:
        if name in definitions and (mistake := name_mistake(name)):
            space.refuse("partitions", [mistake])
        elif name in definitions and name not in unions:
            try:
                parse_condition(definitions[name], "block", f"partition {name}")
            except PolicyError as error:
                space.refuse("partitions", [f"{name!r}: {error}"])
    names = space.frame("partitions").select("partition_id", "name")
    for name in space.frame("quotas").join(names, on="partition_id")["name"].unique(maintain_order=True):
        if name in unions:
            space.refuse("quotas", [f"{name!r} is a union; quotas belong to its members"])


def _path_rules(space: Workspace) -> None:
    """Patterns can be compiled."""
    rows = space.given.get("path_rules", pl.DataFrame(schema={"site": pl.String, **TABLES["path_rules"].schema}))
    for site, protocol, pattern in rows.select("site", "protocol", "lfn_pattern").drop_nulls().iter_rows():
        try:
            re.compile(pattern)
        except re.error as error:
            space.refuse("path_rules", [f"{site} {protocol}: {pattern!r} is no regular expression: {error}"])
