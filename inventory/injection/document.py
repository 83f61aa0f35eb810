"""From an injection document to rows, in the order of the document, each with its place; no inventory needed.

What the rows mean is told in ``planning.py``. Everything that is wrong in the document alone is found here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from inventory.injection.reading import Reading, described, text_mistake
from inventory.paths import lfn_mistakes
from inventory.resolve.names import LENGTHS
from inventory.schema import DATASET_STATUSES, MAX_LFN, OWNERSHIP_LEVELS, SITE_STATUSES, STORAGE_TYPES

TOP = frozenset({"dataset", "site", "group", "gruop", "datasetreplica"})
"""Lists of a document; ``gruop`` is how the first command-line tool spells it."""
DATASET = frozenset({"name", "status", "data_type", "software_version", "blocks"})
BLOCK = frozenset({"name", "files"})
FILE = frozenset({"name", "size", "adler32", "crc32", "cksum", "site"})
SITE = frozenset({"name", "host", "storage_type", "backend", "status"})
GROUP = frozenset({"name", "olevel"})
DATASET_REPLICA = frozenset({"dataset", "site", "growing", "group", "blockreplicas"})
BLOCK_REPLICA = frozenset({"block", "group", "custodial", "files"})
REPLICA_FILE = FILE

_TEXT = 255
_VERSION = 128

SCHEMAS: dict[str, dict[str, Any]] = {
    "sites": {"name": pl.String, "host": pl.String, "storage_type": pl.String, "backend": pl.String, "status": pl.String},
    "groups": {"name": pl.String, "level": pl.String},
    "datasets": {
        "name": pl.String, "status": pl.String, "data_type": pl.String, "software_version": pl.String, "blocks": pl.Boolean,
    },
    "blocks": {"dataset": pl.String, "name": pl.String, "files": pl.Boolean},
    "files": {
        "dataset": pl.String, "block": pl.String, "lfn": pl.String, "size": pl.Int64, "adler32": pl.UInt32, "crc32": pl.UInt32,
        "site": pl.String,
    },
    "dataset_replicas": {
        "dataset": pl.String, "site": pl.String, "growing": pl.Boolean, "group": pl.String, "blockreplicas": pl.Boolean,
    },
    "block_replicas": {
        "dataset": pl.String, "block": pl.String, "site": pl.String, "group": pl.String, "custodial": pl.Boolean,
        "files": pl.Boolean,
    },
    "replica_files": {"dataset": pl.String, "block": pl.String, "site": pl.String, "lfn": pl.String},
}  # fmt: skip
"""Rows by table; ``blocks``, ``blockreplicas``, ``files``: whether the list was given. All have ``where``, their place."""

# Most documents are small and have rows in few tables.
_EMPTY = {table: pl.DataFrame(schema={**schema, "where": pl.String}) for table, schema in SCHEMAS.items()}

_KEYS = {
    "sites": ["name"], "groups": ["name"], "datasets": ["name"], "blocks": ["dataset", "name"], "files": ["lfn"],
    "dataset_replicas": ["dataset", "site"], "block_replicas": ["dataset", "block", "site"],
    "replica_files": ["dataset", "block", "site", "lfn"],
}  # fmt: skip


@dataclass
class Draft:
    """Rows as they are read."""

    reading: Reading = field(default_factory=Reading)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {table: [] for table in SCHEMAS})
    sizes_needed: bool = True

    def add(self, table: str, where: str, *values: Any) -> None:
        self.rows[table].append((*values, where))


def read_document(document: Any, deletion: bool = False) -> tuple[dict[str, pl.DataFrame], Reading]:
    """Rows by table as SCHEMAS says, and where to note further mistakes. For a ``deletion`` files need no sizes.

    Raises ChangeRefused with every mistake when the document alone is wrong.
    """
    draft = Draft(sizes_needed=not deletion)
    reading = draft.reading
    if not isinstance(document, Mapping):
        reading.wrong(
            "document", f"has to be an object with {', '.join(sorted(TOP - {'gruop'}))}, not {described(document)}"
        )
        reading.finish()
    reading.check_keys(document, "document", TOP)
    _read_sites_and_groups(document, draft)
    for where, item in reading.objects(document, "dataset", "", DATASET):
        _read_dataset(item, where, draft)
    for where, item in reading.objects(document, "datasetreplica", "", DATASET_REPLICA):
        _read_dataset_replica(item, where, draft)
    frames = {table: _frame(table, rows) for table, rows in draft.rows.items()}
    _check_lfns(frames, reading)
    _check_duplicates(frames, reading)
    reading.finish()
    return frames, reading


def _frame(table: str, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, {**SCHEMAS[table], "where": pl.String}, orient="row") if rows else _EMPTY[table]


def _read_sites_and_groups(document: Mapping[str, Any], draft: Draft) -> None:
    reading = draft.reading
    for where, item in reading.objects(document, "site", "", SITE):
        name = reading.text(item, "name", where, LENGTHS["sites"], required=True)
        texts = (reading.text(item, "host", where, _TEXT), reading.text(item, "backend", where, _TEXT))
        kind = reading.choice(item, "storage_type", where, STORAGE_TYPES)
        status = reading.choice(item, "status", where, SITE_STATUSES)
        draft.add("sites", where, name, texts[0], kind, texts[1], status)
    for key in ("group", "gruop"):
        for where, item in reading.objects(document, key, "", GROUP):
            name = reading.text(item, "name", where, LENGTHS["groups"], required=True)
            draft.add("groups", where, name, reading.choice(item, "olevel", where, OWNERSHIP_LEVELS))


def _read_dataset(item: Mapping[str, Any], where: str, draft: Draft) -> None:
    reading = draft.reading
    name = reading.text(item, "name", where, LENGTHS["datasets"], required=True)
    if name and "#" in name:
        reading.wrong(f"{where}.name", f"{name[:60]!r} has a '#', which begins the block's name")
    status = reading.choice(item, "status", where, DATASET_STATUSES)
    data_type = reading.text(item, "data_type", where, _VERSION)
    version = reading.text(item, "software_version", where, _VERSION)
    draft.add("datasets", where, name, status, data_type, version, item.get("blocks") is not None)
    for place, block in reading.objects(item, "blocks", where, BLOCK):
        _read_block(block, name, place, draft)


def _block_name(item: Mapping[str, Any], key: str, dataset: str | None, where: str, draft: Draft) -> str | None:
    """The block's name; ``dataset#block`` is understood too."""
    limit = LENGTHS["blocks"] + LENGTHS["datasets"] + 1
    name = draft.reading.text(item, key, where, limit, required=True)
    name = name.removeprefix(f"{dataset}#") if name else name
    if name is not None and (what := text_mistake(name, LENGTHS["blocks"])):
        draft.reading.wrong(f"{where}.{key}", what)
        return None
    return name


def _read_block(item: Mapping[str, Any], dataset: str | None, where: str, draft: Draft) -> None:
    name = _block_name(item, "name", dataset, where, draft)
    draft.add("blocks", where, dataset, name, item.get("files") is not None)
    rows, reading = draft.rows["files"], draft.reading
    for place, entry in reading.entries(item, "files", where):
        if isinstance(entry, dict):
            reading.check_keys(entry, place, FILE)
            row = _read_file(entry, place, draft)
        elif isinstance(entry, str) and not draft.sizes_needed:
            row = (_lfn(entry, place, reading), None, None, None, None)
        else:
            kind = "an object" if draft.sizes_needed else "an object or an LFN"
            reading.wrong(place, f"has to be {kind}, not {described(entry)}")
            continue
        rows.append((dataset, name, *row, place))


def _read_file(
    item: Mapping[str, Any], where: str, draft: Draft
) -> tuple[str | None, int | None, int | None, int | None, str | None]:
    reading = draft.reading
    lfn = _lfn(item["name"], f"{where}.name", reading) if item.get("name") is not None else None
    if item.get("name") is None:
        reading.wrong(where, f"'name' is {'null' if 'name' in item else 'missing'}")
    if not draft.sizes_needed:
        return lfn, None, None, None, None
    size = reading.size(item, where)
    adler32 = reading.checksum(item, "adler32", where)
    crc32, cksum = reading.checksum(item, "crc32", where), reading.checksum(item, "cksum", where)
    if crc32 is not None and cksum is not None and crc32 != cksum:
        reading.wrong(where, f"'crc32' and 'cksum' mean the same, and differ: {crc32} and {cksum}")
    site = reading.text(item, "site", where, LENGTHS["sites"]) if "site" in item else None
    return lfn, size, adler32, cksum if crc32 is None else crc32, site


def _lfn(value: Any, where: str, reading: Reading) -> str | None:
    if type(value) is str and len(value) <= MAX_LFN and value.isascii():
        return value
    if what := text_mistake(value, MAX_LFN):
        reading.wrong(where, what)
        return None
    return str(value)


def _read_dataset_replica(item: Mapping[str, Any], where: str, draft: Draft) -> None:
    reading = draft.reading
    dataset = reading.text(item, "dataset", where, LENGTHS["datasets"], required=True)
    site = reading.text(item, "site", where, LENGTHS["sites"], required=True)
    growing, group = reading.flag(item, "growing", where), reading.text(item, "group", where, LENGTHS["groups"])
    draft.add("dataset_replicas", where, dataset, site, growing, group, item.get("blockreplicas") is not None)
    for place, replica in reading.objects(item, "blockreplicas", where, BLOCK_REPLICA):
        block = _block_name(replica, "block", dataset, place, draft)
        owner = reading.text(replica, "group", place, LENGTHS["groups"])
        custodial = reading.flag(replica, "custodial", place)
        listed = replica.get("files") is not None
        draft.add("block_replicas", place, dataset, block, site, owner, custodial, listed)
        for spot, entry in reading.entries(replica, "files", place):
            if isinstance(entry, dict):
                reading.check_keys(entry, spot, REPLICA_FILE)
                entry = entry.get("name")
            draft.rows["replica_files"].append((dataset, block, site, _lfn(entry, spot, reading), spot))


def _check_lfns(frames: Mapping[str, pl.DataFrame], reading: Reading) -> None:
    for table in ("files", "replica_files"):
        if frames[table].is_empty():
            continue
        mistakes = lfn_mistakes(frames[table]["lfn"])
        if mistakes.null_count() == len(mistakes):
            continue
        wrong = frames[table].select("where", "lfn", what=mistakes).drop_nulls()
        for where, lfn, what in wrong.iter_rows():
            reading.wrong(f"{where}.name" if table == "files" else where, f"{lfn[:60]!r} {what}")


def _check_duplicates(frames: Mapping[str, pl.DataFrame], reading: Reading) -> None:
    for table, key in _KEYS.items():
        if frames[table].height < 2:
            continue
        frame = frames[table].drop_nulls(key)
        if frame.select(key).n_unique() == frame.height:
            continue
        firsts = frame.with_columns(first=pl.col("where").first().over(key))
        for row in firsts.filter(pl.col("where") != pl.col("first")).iter_rows(named=True):
            named = " ".join(row[name][:60] for name in key)
            reading.wrong(row["where"], f"{named} is in the document twice; first as {row['first']}")
