"""An inventory kept as TSV tables (a directory or a tar archive) as a snapshot, without any server.

Tables refer to each other by line numbers from 0. Ids in the snapshot are line number + 1, in the order of the files; group 0 is
nobody. Files are only counted: an incomplete block replica has none of them, and the bytes that its table tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from inventory.errors import ChangeRefused, Problem
from inventory.policy.model import Condition
from inventory.policy.parser import parse_partitions
from inventory.schema import (
    DATASET_STATUSES,
    NO_GROUP_NAME,
    OWNERSHIP_LEVELS,
    SITE_STATUSES,
    STORAGE_TYPES,
    TABLES,
)
from inventory.snapshot import Snapshot
from inventory.tables_archive import read_sources
from inventory.tables_extra import lock_frame, quota_frame
from inventory.tables_raw import Field, read_table

_FIELDS: dict[str, tuple[Field, ...]] = {
    "datasets": (
        Field("name", "name"), Field("status", "choice", DATASET_STATUSES), Field("last_update", "int"),
        Field("usage_rank", "rank"), Field("num_access", "int"),
    ),
    "blocks": (
        Field("dataset", "index", target="datasets"), Field("name", "name"), Field("size", "int"),
        Field("num_files", "index"), Field("last_update", "int"),
    ),
    "sites": (
        Field("name", "name"), Field("storage_type", "choice", STORAGE_TYPES), Field("status", "choice", SITE_STATUSES),
        Field("big_quota", "float"), Field("small_quota", "float"),
    ),
    "groups": (Field("name", "name"), Field("level", "choice", OWNERSHIP_LEVELS)),
    "dataset_replicas": (
        Field("dataset", "index", target="datasets"), Field("site", "index", target="sites"), Field("growing", "flag"),
        Field("group", "index", target="groups"),
    ),
    "block_replicas": (
        Field("block", "index", target="blocks"), Field("site", "index", target="sites"),
        Field("group", "index", target="groups"), Field("custodial", "flag"), Field("size", "int"),
        Field("complete", "flag"), Field("last_update", "int"),
    ),
}  # fmt: skip

_UNIQUE = {
    "datasets": ("name",), "blocks": ("dataset", "name"), "sites": ("name",), "groups": ("name",),
    "dataset_replicas": ("dataset", "site"), "block_replicas": ("block", "site"),
}  # fmt: skip

_MAX_LINES = {"sites": 2**16 - 2, "groups": 2**16 - 2}
_SHOWN = 20


@dataclass(frozen=True)
class Tables:
    """What was read: ``frames`` by table name as ``schema.TABLES`` declares them, ``locks`` (dataset_id, block_id, site_id)."""

    frames: Mapping[str, pl.DataFrame]
    locks: pl.DataFrame

    def snapshot(self, time: int = 0) -> Snapshot:
        """The tables as a snapshot; ``time``: its UTC seconds."""
        return Snapshot.from_frames(self.frames, time=time)


def read_tables(path: str | Path, partitions: str | Path | None = None) -> Tables:
    """Read a directory or tar archive of tables, with quotas.tsv and locks.tsv where they are present.

    ``partitions``: file of partition definitions; without it, the partitions.txt beside the tables if there is one.
    Raises :class:`ChangeRefused` (every mistake of a table with file and line) or PolicyError.
    """
    path = Path(path)
    names = tuple(f"{table}.tsv" for table in _FIELDS)
    sources = read_sources(path, (*names, "quotas.tsv", "locks.tsv", "partitions.txt"))
    missing = [name for name in names if name not in sources]
    if missing:
        raise ChangeRefused([Problem(str(path), f"has no {name}") for name in missing])
    raw = {table: read_table(f"{table}.tsv", sources[f"{table}.tsv"], fields) for table, fields in _FIELDS.items()}
    problems = [*_count_problems(raw), *_dangling(raw), *_duplicates(raw)]
    if problems:
        raise ChangeRefused(problems)
    definitions = _definitions(partitions, sources)
    frames = _frames(raw)
    problems = [*_impossible(raw, frames)]
    if problems:
        raise ChangeRefused(problems)
    frames["partitions"] = _partition_frame(definitions)
    frames["quotas"] = quota_frame(raw["sites"], definitions, frames["partitions"], sources.get("quotas.tsv"))
    return Tables(frames, lock_frame(frames, sources.get("locks.tsv")))


def _definitions(partitions: str | Path | None, sources: Mapping[str, bytes]) -> dict[str, Condition | tuple[str, ...]]:
    file = str(partitions or "partitions.txt")
    try:
        text = Path(partitions).read_text() if partitions else sources.get("partitions.txt", b"").decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ChangeRefused([Problem(file, f"cannot be read: {error}")]) from error
    return parse_partitions(text, file)


def _partition_frame(definitions: Mapping[str, Condition | tuple[str, ...]]) -> pl.DataFrame:
    texts = [
        definition.text if isinstance(definition, Condition) else f"[{', '.join(definition)}]"
        for definition in definitions.values()
    ]
    ids = range(1, len(texts) + 1)
    columns = {"partition_id": ids, "name": list(definitions), "definition": texts}
    return pl.DataFrame(columns, schema=TABLES["partitions"].schema)


def _count_problems(raw: Mapping[str, pl.DataFrame]) -> Iterator[Problem]:
    for table, limit in _MAX_LINES.items():
        if raw[table].height > limit:
            yield Problem(f"{table}.tsv", f"{raw[table].height} lines; at most {limit} are possible")


def _dangling(raw: Mapping[str, pl.DataFrame]) -> Iterator[Problem]:
    """Indices that no line of the table they point to has."""
    for table, fields in _FIELDS.items():
        for field in fields:
            if not field.target or raw[table].is_empty():
                continue
            lines = raw[field.target].height
            if raw[table][field.name].max() < lines:  # type: ignore[operator]
                continue
            wrong = raw[table].with_row_index("line", 1).filter(pl.col(field.name) >= lines)
            for line, value in wrong.select("line", field.name).head(_SHOWN).iter_rows():
                yield Problem(f"{table}.tsv:{line}", f"{field.name}: {field.target}.tsv has no line {value} (from 0)")


def _duplicates(raw: Mapping[str, pl.DataFrame]) -> Iterator[Problem]:
    for table, key in _UNIQUE.items():
        frame = raw[table].select(key)
        if frame.n_unique() == frame.height:
            continue
        lined = frame.with_row_index("line", 1).with_columns(first=pl.col("line").min().over(key))
        for line, first in (
            lined.filter(pl.col("line") > pl.col("first")).select("line", "first").head(_SHOWN).iter_rows()
        ):
            yield Problem(f"{table}.tsv:{line}", f"the same {' and '.join(key)} as in line {first}")


def _impossible(raw: Mapping[str, pl.DataFrame], frames: Mapping[str, pl.DataFrame]) -> Iterator[Problem]:
    """Block replicas that contradict their block or have no dataset replica."""
    replicas = raw["block_replicas"].select("site", "size", "complete", block_size=pl.lit(0))
    replicas = replicas.with_columns(
        raw["blocks"]["size"].gather(raw["block_replicas"]["block"]).alias("block_size"),
        raw["blocks"]["dataset"].gather(raw["block_replicas"]["block"]).alias("dataset"),
    ).with_row_index("line", 1)
    larger = replicas.filter(pl.col("size") > pl.col("block_size"))
    for line, size, whole in larger.select("line", "size", "block_size").head(_SHOWN).iter_rows():
        yield Problem(f"block_replicas.tsv:{line}", f"{size} bytes are present of a block of {whole}")
    short = replicas.filter((pl.col("complete") == 1) & (pl.col("size") < pl.col("block_size")))
    for line, size, whole in short.select("line", "size", "block_size").head(_SHOWN).iter_rows():
        yield Problem(f"block_replicas.tsv:{line}", f"is complete, yet only {size} bytes are present of {whole}")
    lone = replicas.join(raw["dataset_replicas"], on=["dataset", "site"], how="anti").sort("line")
    for line, dataset, site in lone.select("line", "dataset", "site").head(_SHOWN).iter_rows():
        name, where = raw["datasets"]["name"][dataset], raw["sites"]["name"][site]
        yield Problem(f"block_replicas.tsv:{line}", f"dataset_replicas.tsv has no replica of {name} at {where}")


def _frames(raw: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    groups = _groups(raw["groups"])
    shaped = {
        "groups": groups.filter(pl.col("group_id") > 0).unique("group_id", keep="first", maintain_order=True),
        "sites": _sites(raw["sites"]),
        "datasets": _datasets(raw["datasets"]),
        "blocks": raw["blocks"].select(
            pl.col("dataset") + 1, "name", "size", "num_files", "last_update",
            block_id=pl.int_range(1, pl.len() + 1), is_open=pl.lit(False),
        ).rename({"dataset": "dataset_id"}),
        "dataset_replicas": raw["dataset_replicas"].select(
            pl.col("growing").cast(pl.Boolean), dataset_id=pl.col("dataset") + 1, site_id=pl.col("site") + 1,
            group_id=groups["group_id"].gather(raw["dataset_replicas"]["group"]),
        ),
        "block_replicas": _block_replicas(raw, groups),
    }  # fmt: skip
    return {table: _as_declared(table, frame) for table, frame in shaped.items()}


def _as_declared(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    declared = TABLES[table]
    return frame.select(pl.col(name).cast(dtype) for name, dtype in declared.schema.items()).sort(declared.key)


def _groups(raw: pl.DataFrame) -> pl.DataFrame:
    """Groups in the order of their lines; one called None is the group that always exists."""
    named = pl.col("name") != NO_GROUP_NAME
    return raw.with_columns(group_id=pl.when(named).then(named.cum_sum()).otherwise(0))


def _sites(raw: pl.DataFrame) -> pl.DataFrame:
    empty = pl.lit("")
    return raw.with_columns(site_id=pl.int_range(1, pl.len() + 1), host=empty, backend=empty)


def _datasets(raw: pl.DataFrame) -> pl.DataFrame:
    return raw.with_columns(
        dataset_id=pl.int_range(1, pl.len() + 1), data_type=pl.lit(""), software_version=pl.lit(None, pl.String),
        is_open=pl.lit(False), last_access=pl.lit(0), demand_rank=pl.lit(0.0),
    )  # fmt: skip


def _block_replicas(raw: Mapping[str, pl.DataFrame], groups: pl.DataFrame) -> pl.DataFrame:
    replicas, blocks = raw["block_replicas"], raw["blocks"]
    files = blocks["num_files"].gather(replicas["block"])
    return replicas.select(
        "size", "last_update", pl.col("custodial").cast(pl.Boolean), pl.col("complete").cast(pl.Boolean),
        dataset_id=blocks["dataset"].gather(replicas["block"]) + 1, block_id=pl.col("block") + 1,
        site_id=pl.col("site") + 1, group_id=groups["group_id"].gather(replicas["group"]),
        num_files=pl.when(pl.col("complete") == 1).then(files).otherwise(0),
    )  # fmt: skip
