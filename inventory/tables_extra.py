"""Quotas and locks that come with TSV tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from inventory.errors import ChangeRefused, Problem
from inventory.policy.model import Condition
from inventory.schema import TABLES
from inventory.tables_raw import Field, read_table

BIG_QUOTA = ("AnalysisOps", "AllDisk")
"""Partitions to which a site's first quota belongs; the second is for each other simple one."""

_TB = 10**12
_QUOTAS = (Field("site", "name"), Field("partition", "name"), Field("quota", "text"))
_LOCKS = (Field("site", "name"), Field("dataset", "name"), Field("block", "name"))
_SHOWN = 50


def quota_frame(
    sites: pl.DataFrame,
    definitions: Mapping[str, Condition | tuple[str, ...]],
    partitions: pl.DataFrame,
    given: bytes | None,
) -> pl.DataFrame:
    """Quotas in bytes: those of quotas.tsv when it is ``given``, else those that the sites' table tells in TB."""
    if given is not None:
        return _given_quotas(sites, definitions, partitions, given)
    simple = partitions.filter(
        ~pl.col("name").is_in([name for name, parts in definitions.items() if isinstance(parts, tuple)])
    )
    pairs = sites.with_columns(site_id=pl.int_range(1, pl.len() + 1)).join(simple, how="cross", suffix="_partition")
    terabytes = pl.when(pl.col("name_partition").is_in(BIG_QUOTA)).then("big_quota").otherwise("small_quota")
    without_limit = (pl.col("storage_type") == "MSS") | (terabytes < 0)
    quota = pl.when(without_limit).then(-1).otherwise((terabytes * _TB).round().clip(0, 9e18).cast(pl.Int64))
    return _declared(pairs.with_columns(quota=quota))


def _given_quotas(
    sites: pl.DataFrame,
    definitions: Mapping[str, Condition | tuple[str, ...]],
    partitions: pl.DataFrame,
    given: bytes,
) -> pl.DataFrame:
    frame = read_table("quotas.tsv", given, _QUOTAS, ended=False).with_row_index("line", 1)
    frame = frame.with_columns(
        site_id=positions(frame["site"], sites["name"]) + 1,
        partition_id=positions(frame["partition"], partitions["name"], digits=False) + 1,
        number=pl.col("quota").str.strip_chars().cast(pl.Int64, strict=False),
    )
    problems = list(_quota_problems(frame, definitions))
    if problems:
        raise ChangeRefused(problems)
    return _declared(frame.with_columns(quota=pl.col("number")))


def _quota_problems(frame: pl.DataFrame, definitions: Mapping[str, Condition | tuple[str, ...]]) -> Iterator[Problem]:
    repeated = pl.struct("site_id", "partition_id").is_duplicated() & pl.col("site_id").is_not_null()
    checks = {
        "there is no site {site!r}": pl.col("site_id").is_null(),
        "there is no partition {partition!r}": pl.col("partition_id").is_null(),
        "quota: {quota!r} is not a whole number of bytes": pl.col("number").is_null(),
        "the quota of {partition!r} at {site!r} is given more than once": repeated
        & pl.col("partition_id").is_not_null(),
        "{partition!r} is a union; quotas belong to the partitions that it consists of": pl.col("partition").is_in(
            [name for name, parts in definitions.items() if isinstance(parts, tuple)]
        ),
    }
    yield from _found("quotas.tsv", frame, checks)


def lock_frame(frames: Mapping[str, pl.DataFrame], given: bytes | None) -> pl.DataFrame:
    """Block replicas (dataset_id, block_id, site_id) that locks.tsv covers; a lock of what is not there covers nothing."""
    columns = ("dataset_id", "block_id", "site_id")
    replicas = frames["block_replicas"].select(columns)
    if given is None:
        return replicas.clear()
    locks = read_table("locks.tsv", given, _LOCKS, ended=False).with_row_index("line", 1)
    locks = locks.with_columns(
        site_id=(positions(locks["site"], frames["sites"]["name"]) + 1).cast(pl.UInt16),
        dataset_id=(positions(locks["dataset"], frames["datasets"]["name"]) + 1).cast(pl.UInt32),
        whole=pl.col("block") == "*",
    )
    locks = _with_blocks(locks, frames["blocks"])
    problems = list(_lock_problems(locks))
    if problems:
        raise ChangeRefused(problems)
    whole = replicas.join(locks.filter("whole"), on=["dataset_id", "site_id"], how="semi")
    single = replicas.join(locks.filter(~pl.col("whole")), on=list(columns), how="semi")
    return pl.concat([whole, single]).unique().sort(columns)


def _with_blocks(locks: pl.DataFrame, blocks: pl.DataFrame) -> pl.DataFrame:
    """With ``block_id``: of the block of that name in the dataset, else of that line of blocks.tsv if it is the dataset's."""
    names = blocks.select("dataset_id", pl.col("name").alias("block"), pl.col("block_id").alias("by_name"))
    number = pl.col("block").str.extract(r"^(\d{1,10})$").cast(pl.UInt32, strict=False) + 1
    lines = blocks.select("dataset_id", pl.col("block_id").alias("by_line"), known=True)
    joined = locks.join(names, on=["dataset_id", "block"], how="left").with_columns(by_line=number)
    joined = joined.join(lines, on=["dataset_id", "by_line"], how="left")
    by_line = pl.when("known").then("by_line")
    return joined.with_columns(block_id=pl.coalesce("by_name", by_line)).sort("line")


def _lock_problems(locks: pl.DataFrame) -> Iterator[Problem]:
    known = pl.col("dataset_id").is_not_null()
    checks = {
        "there is no site {site!r}": pl.col("site_id").is_null(),
        "there is no dataset {dataset!r}": ~known,
        "dataset {dataset!r} has no block {block!r}": known & pl.col("block_id").is_null() & ~pl.col("whole"),
    }
    yield from _found("locks.tsv", locks, checks)


def _found(file: str, frame: pl.DataFrame, checks: Mapping[str, pl.Expr]) -> Iterator[Problem]:
    for text, wrong in checks.items():
        for row in frame.filter(wrong).head(_SHOWN).iter_rows(named=True):
            yield Problem(f"{file}:{row['line']}", text.format(**row))


def positions(values: pl.Series, names: pl.Series, *, digits: bool = True) -> pl.Series:
    """Where each value stands among ``names``, from 0; with ``digits`` a line number from 0 is understood too; else null."""
    known = pl.DataFrame(
        {"value": names.cast(pl.String), "position": pl.int_range(names.len(), dtype=pl.Int64, eager=True)}
    )
    number = (
        pl.col("value").str.extract(r"^(\d{1,9})$").cast(pl.Int64, strict=False) if digits else pl.lit(None, pl.Int64)
    )
    line = pl.when(number < names.len()).then(number)
    looked = pl.DataFrame({"value": values}).join(known, on="value", how="left", maintain_order="left")
    return looked.select(pl.coalesce("position", line))["position"]


def _declared(frame: pl.DataFrame) -> pl.DataFrame:
    declared = TABLES["quotas"]
    return frame.select(pl.col(name).cast(dtype) for name, dtype in declared.schema.items()).sort(declared.key)
