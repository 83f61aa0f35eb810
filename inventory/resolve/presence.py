"""Which files block replicas hold after a change set, and the sizes, numbers and completeness that follow.

Blocks with files known one by one: a replica holds a set of files; complete means all of them, and then has no rows in
``replica_files``. Blocks whose files are only counted: a replica has the size and number it was given.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from inventory.resolve.workspace import REPLICA, Workspace
from inventory.schema import TABLES

_FILE = [*REPLICA, "file_id"]
_CONTENT = ["group_id", "custodial", "size", "num_files", "complete"]


def derive(space: Workspace) -> None:
    """Make the replicas that the change set concerns hold what it says, and give those that changed their time."""
    replicas = _concerned(space)
    if replicas.height:
        replicas = _with_blocks(space, replicas)
        known, counted = replicas.filter("known"), replicas.filter(~pl.col("known"))
        present = _present(space, known)
        parts = [_of_known(known, present)] if known.height else []
        derived = pl.concat(parts + ([_of_counted(counted)] if counted.height else []))
        space.upsert(
            "block_replicas",
            space.frame("block_replicas").drop("size", "num_files", "complete").join(derived, on=REPLICA),
        )
        _set_rows(space, replicas, derived, present)
    if "block_replicas" in space.before and space.frame("block_replicas") is not space.before["block_replicas"]:
        _stamp(space)


def _concerned(space: Workspace) -> pl.DataFrame:
    """Replicas whose content has to be looked at, with how they were and what was asked of them.

    ``was_complete`` is null for new ones; ``ask``: complete as given; ``size_given``, ``num_given``; ``listed``: the set
    puts files there one by one.
    """
    blocks, files, asked = space.changed_blocks, space.given.get("replica_files"), _asked(space)
    resized = _resized(space)
    keys = [asked.select(REPLICA), space.gone_files.select(REPLICA)]
    if files is not None:
        keys.append(files.select(REPLICA))
    touched = pl.concat([blocks, resized])
    if touched.len():
        keys.append(space.frame("block_replicas").filter(pl.col("block_id").is_in(touched.implode())).select(REPLICA))
    wanted = pl.concat(keys).unique()
    if wanted.is_empty():
        return wanted
    now = space.frame("block_replicas").join(wanted, on=REPLICA, how="semi")
    was = space.kept["block_replicas"].select(*REPLICA, pl.col("complete").alias("was_complete"))
    listed = files.select(REPLICA).unique() if files is not None else wanted.clear()
    return (
        now.select(*REPLICA, "size", "num_files")
        .join(was, on=REPLICA, how="left")
        .join(asked, on=REPLICA, how="left")
        .join(listed.with_columns(listed=True), on=REPLICA, how="left")
        .with_columns(pl.col("listed").fill_null(False), is_new=pl.col("was_complete").is_null())
    )


def _asked(space: Workspace) -> pl.DataFrame:
    """What the change set asks of the content of replicas that it puts; new ones always, others if they give content."""
    says: dict[str, Any] = {"ask": pl.Boolean, "size_given": pl.Int64, "num_given": pl.UInt32}
    schema: dict[str, Any] = {name: TABLES["block_replicas"].schema[name] for name in REPLICA} | says
    given = space.given.get("block_replicas")
    if given is None:
        return pl.DataFrame(schema=schema)
    names = {"complete_given": "ask", "size_given": "size_given", "num_files_given": "num_given"}
    columns = [
        (pl.col(name) if name in given.columns else pl.lit(None, dtype=schema[as_name])).alias(as_name)
        for name, as_name in names.items()
    ]
    asked = given.select(*REPLICA, "is_new", *columns)
    speaks = pl.any_horizontal(pl.col(*says).is_not_null())
    return asked.filter(pl.col("is_new") | speaks).drop("is_new")


def _resized(space: Workspace) -> pl.Series:
    """Ids of blocks whose size or number of files the set changes."""
    empty = pl.Series("block_id", [], dtype=pl.UInt32)
    if "blocks" not in space.before or space.frame("blocks") is space.before["blocks"]:
        return empty
    columns = ["block_id", "size", "num_files"]
    return space.frame("blocks").select(columns).join(space.before["blocks"], on=columns, how="anti")["block_id"]


def _with_blocks(space: Workspace, replicas: pl.DataFrame) -> pl.DataFrame:
    """``known``: files are known one by one (or were until now); ``was_known``, ``was_number``; the block's size, number.

    ``mode``: what the replica holds before the files put one by one are added: all, none, or what it held.
    """
    files, before = space.frame("files"), space.before["files"]
    now = files.select("block_id").unique().with_columns(has_files=True)
    was = before.select("block_id").unique().with_columns(was_known=True)
    blocks = space.frame("blocks").select("block_id", block_size="size", block_number="num_files")
    old = space.frame("blocks").clear() if "blocks" not in space.before else space.before["blocks"]
    replicas = (
        replicas.join(now, on="block_id", how="left")
        .join(was, on="block_id", how="left")
        .join(blocks, on="block_id", how="left")
        .join(old.select("block_id", was_number="num_files"), on="block_id", how="left")
        .with_columns(pl.col("has_files", "was_known").fill_null(False), pl.col("was_number").fill_null(0))
    )
    less = (pl.col("size_given") < pl.col("block_size")).fill_null(False)
    less |= (pl.col("num_given") < pl.col("block_number")).fill_null(False)
    nothing = (pl.col("is_new") & (pl.col("listed") | less)) | (~pl.col("ask") & pl.col("was_complete")).fill_null(
        False
    )
    nothing |= (pl.col("is_new") & ~pl.col("ask")).fill_null(False)
    everything = pl.col("ask").fill_null(False)
    mode = pl.when(everything).then(pl.lit("all")).when(nothing).then(pl.lit("none"))
    named = mode.when("is_new").then(pl.lit("all")).otherwise(pl.lit("old"))
    return replicas.with_columns(known=pl.col("has_files") | pl.col("was_known"), mode=named)


def _present(space: Workspace, replicas: pl.DataFrame) -> pl.DataFrame:
    """Files present (keys of ``replica_files``) in replicas of blocks with known files."""
    files = space.frame("files")
    now = files.select("block_id", "file_id")
    everything = replicas.filter(pl.col("mode") == "all").select(REPLICA).join(now, on="block_id").select(_FILE)
    given = space.given.get("replica_files")
    arrived = everything.clear() if given is None else given.select(_FILE).join(replicas, on=REPLICA, how="semi")
    kept = _kept(space, replicas.filter(pl.col("mode") == "old"), now)
    return pl.concat([kept, everything, arrived]).unique().join(files.select("file_id", "size"), on="file_id")


def _kept(space: Workspace, replicas: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Of these what they held before; ``now``: the files of their blocks."""
    if replicas.is_empty():
        return space.gone_files.select(_FILE).clear()
    before = space.before["files"]
    still = now.join(before.select("file_id"), on="file_id", how="semi")
    held_all = pl.col("was_complete").fill_null(False)
    # A block that was counted gets to know its files: a complete replica holds them, unless there are more than counted.
    counted = held_all & ~pl.col("was_known") & (pl.col("block_number") <= pl.col("was_number"))
    old = [
        replicas.filter(held_all & pl.col("was_known")).select(REPLICA).join(still, on="block_id").select(_FILE),
        replicas.filter(counted).select(REPLICA).join(now, on="block_id").select(_FILE),
        space.kept["replica_files"].join(
            replicas.filter(~held_all), on=REPLICA, how="semi"
        ).select(_FILE).join(now, on="file_id", how="semi"),
    ]  # fmt: skip
    return pl.concat(old).join(space.gone_files, on=_FILE, how="anti")


def _of_known(replicas: pl.DataFrame, present: pl.DataFrame) -> pl.DataFrame:
    sums = present.group_by(REPLICA).agg(pl.col("size").sum(), pl.len().cast(pl.UInt32).alias("num_files"))
    known = replicas.select(*REPLICA, "block_number").join(sums, on=REPLICA, how="left")
    known = known.with_columns(pl.col("size", "num_files").fill_null(0))
    return known.select(*REPLICA, "size", "num_files", complete=pl.col("num_files") == pl.col("block_number"))


def _of_counted(replicas: pl.DataFrame) -> pl.DataFrame:
    mode, was = pl.col("mode"), pl.col("was_complete").fill_null(False)
    size, number = pl.col("block_size"), pl.col("block_number")
    # A complete replica of a block that shrank follows it.
    old_size = pl.when(was).then(pl.min_horizontal("size", size)).otherwise("size")
    old_number = pl.when(was).then(pl.min_horizontal("num_files", number)).otherwise("num_files")
    new_size = pl.when(mode == "old").then(old_size).otherwise(0)
    new_number = pl.when(mode == "old").then(old_number).otherwise(0)
    counted = replicas.with_columns(
        pl.when(mode == "all").then(size).otherwise(pl.coalesce("size_given", new_size)).alias("size"),
        pl.when(mode == "all").then(number).otherwise(pl.coalesce("num_given", new_number)).alias("num_files"),
    )
    fits = (pl.col("size") == size) & (pl.col("num_files") == number)
    says = pl.any_horizontal(pl.col("size_given", "num_given").is_not_null()) & pl.col("ask").is_null()
    complete = (mode == "all") | (fits & (says | ((mode == "old") & was & pl.col("ask").fill_null(True))))
    return counted.select(*REPLICA, "size", "num_files", complete=complete)


def _set_rows(space: Workspace, replicas: pl.DataFrame, derived: pl.DataFrame, present: pl.DataFrame) -> None:
    incomplete = derived.filter(~pl.col("complete"))
    rows = present.select(_FILE).join(incomplete, on=REPLICA, how="semi")
    others = space.frame("replica_files").join(replicas, on=REPLICA, how="anti")
    if rows.height or others.height != space.frame("replica_files").height:
        space.set("replica_files", pl.concat([others, rows]))


def _stamp(space: Workspace) -> None:
    """Replicas that changed get the record's time, or the one that was given; others keep theirs."""
    rows = space.frame("block_replicas")
    old = space.kept["block_replicas"].select(*REPLICA, pl.col("last_update").alias("_old"), same=pl.struct(_CONTENT))
    rows = rows.join(old, on=REPLICA, how="left").with_columns(same=pl.col("same") == pl.struct(_CONTENT))
    given = space.given.get("block_replicas")
    if given is not None and "last_update_given" in given.columns:
        rows = rows.join(given.select(*REPLICA, "last_update_given"), on=REPLICA, how="left")
    else:
        rows = rows.with_columns(last_update_given=pl.lit(None, dtype=pl.Int64))
    unchanged = pl.when(pl.col("same").fill_null(False)).then("_old").otherwise(pl.lit(space.time, dtype=pl.Int64))
    space.set("block_replicas", rows.with_columns(pl.coalesce("last_update_given", unchanged).alias("last_update")))
