"""The tables of the inventory's image, each declared once: names, types, units, keys.

Everything else that speaks of these tables (image chunks, database models, Flight, change sets, SQL, documentation)
derives from the declarations here. Times are UTC in integer seconds, sizes in bytes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import polars as pl

STORAGE_TYPES = ("DISK", "MSS", "BUFFER", "UNKNOWN")
SITE_STATUSES = ("READY", "WAITROOM", "MORGUE", "UNKNOWN")
DATASET_STATUSES = ("UNKNOWN", "DELETED", "DEPRECATED", "INVALID", "PRODUCTION", "VALID", "IGNORED")
OWNERSHIP_LEVELS = ("Dataset", "Block")
NO_GROUP_ID = 0
NO_GROUP_NAME = "None"
MAX_LFN = 1024
"""Longest LFN, in characters."""
MAX_FILE_SIZE = 2**48
"""Largest size of one file, in bytes: sums of a block's files stay far within 64 bits."""

StorageType = pl.Enum(STORAGE_TYPES)
SiteStatus = pl.Enum(SITE_STATUSES)
DatasetStatus = pl.Enum(DATASET_STATUSES)
OwnershipLevel = pl.Enum(OWNERSHIP_LEVELS)


Packing = Literal["plain", "repeated", "uuid"]


@dataclass(frozen=True)
class Column:
    """One column: ``unit`` is "bytes", "seconds" … or empty; ``nullable`` says whether null has a meaning.

    ``packed``: how its texts are kept (``packed/``): as they are, "repeated" ones once, or names made of a UUID as 16 bytes.
    ``longest``: characters that a text may have, so that it fits the database's column and, escaped, the smallest packet;
    0: no limit of its own (an LFN's parts have ``MAX_LFN`` together).
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    unit: str = ""
    nullable: bool = False
    packed: Packing = "plain"
    longest: int = 0


@dataclass(frozen=True)
class Table:
    """One table; ``key`` names the columns rows are unique and sorted by.

    A table with ``dataset_id`` is split into chunks by ranges of ``chunk_datasets`` datasets: few enough that rewriting a chunk
    takes milliseconds, enough that there are not too many of them. The others are one small chunk each.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    description: str
    chunk_datasets: int = 1024

    @functools.cached_property
    def schema(self) -> pl.Schema:
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @functools.cached_property
    def longest(self) -> dict[str, int]:
        """Characters that the texts may have, by column."""
        return {column.name: column.longest for column in self.columns if column.longest}

    @functools.cached_property
    def chunked(self) -> bool:
        return "dataset_id" in self.schema


def _column(
    name: str, dtype: pl.DataType | type[pl.DataType], description: str, unit: str = "", nullable: bool = False,
    packed: Packing = "plain", longest: int = 0,
) -> Column:  # fmt: skip
    return Column(name, dtype, description, unit, nullable, packed, longest)


_DATASET = _column("dataset_id", pl.UInt32, "dataset")
_BLOCK = _column("block_id", pl.UInt32, "block")
_SITE = _column("site_id", pl.UInt16, "site")
_GROUP = _column("group_id", pl.UInt16, "owner; 0 is nobody")

_TABLES = (
    Table(
        "groups",
        ("group_id",),
        (
            _GROUP,
            _column("name", pl.String, "unique name; group 0 is called None and always exists", longest=128),
            _column("level", OwnershipLevel, "level at which the group owns data"),
        ),
        "owners of replicas",
    ),
    Table(
        "sites",
        ("site_id",),
        (
            _SITE,
            _column("name", pl.String, "unique name", longest=128),
            _column("host", pl.String, "storage element's host", longest=512),
            _column("storage_type", StorageType, "kind of storage"),
            _column(
                "backend",
                pl.String,
                "URL of the storage's root, e.g. root://host:1094//store-root or file:///path",
                longest=1024,
            ),
            _column("status", SiteStatus, "whether the site can be used"),
        ),
        "storage sites",
    ),
    Table(
        "path_rules",
        ("site_id", "protocol", "position"),
        (
            _SITE,
            _column("protocol", pl.String, "access protocol, e.g. root, file, davs", longest=64),
            _column("position", pl.UInt16, "rules are tried in this order"),
            _column(
                "chain",
                pl.String,
                "protocol whose result is this rule's input; null: the LFN itself",
                nullable=True,
                longest=64,
            ),
            _column("lfn_pattern", pl.String, "regular expression over the whole input", longest=4096),
            _column("pfn_template", pl.String, "result with {0}-style captures", longest=4096),
        ),
        "rules that map an LFN to a physical name at a site",
    ),
    Table(
        "partitions",
        ("partition_id",),
        (
            _column("partition_id", pl.UInt16, "partition"),
            _column("name", pl.String, "unique name; may hold blanks", longest=128),
            _column("definition", pl.String, "condition over block replicas, or [A, B] for a union", longest=65_536),
        ),
        "partitions of the storage",
    ),
    Table(
        "quotas",
        ("site_id", "partition_id"),
        (
            _SITE,
            _column("partition_id", pl.UInt16, "simple partition"),
            _column("quota", pl.Int64, "negative: no limit; 0: no space", "bytes"),
        ),
        "space of a partition at a site; what is not listed is 0",
    ),
    Table(
        "datasets",
        ("dataset_id",),
        (
            _DATASET,
            _column("name", pl.String, "unique name", longest=512),
            _column("status", DatasetStatus, "production status"),
            _column("data_type", pl.String, "e.g. mc, data", packed="repeated", longest=512),
            _column(
                "software_version", pl.String, "X_Y_Z or X_Y_Z_suffix", nullable=True, packed="repeated", longest=512
            ),
            _column("is_open", pl.Boolean, "may get further blocks"),
            _column("last_update", pl.Int64, "last change of content", "seconds"),
            _column("usage_rank", pl.Float64, "given rank; null: computed from use", nullable=True),
            _column("num_access", pl.Int64, "accesses by jobs"),
            _column("last_access", pl.Int64, "last access by jobs; 0: unknown", "seconds"),
            _column("demand_rank", pl.Float64, "demand from the popularity source"),
        ),
        "datasets with their attributes",
        chunk_datasets=2048,
    ),
    Table(
        "blocks",
        ("dataset_id", "block_id"),
        (
            _DATASET,
            _BLOCK,
            _column("name", pl.String, "unique within the dataset", packed="uuid", longest=255),
            _column("size", pl.Int64, "sum of its files", "bytes"),
            _column("num_files", pl.UInt32, "number of its files, known one by one or not"),
            _column("is_open", pl.Boolean, "may get further files"),
            _column("last_update", pl.Int64, "last change of content", "seconds"),
        ),
        "blocks of datasets",
    ),
    Table(
        "files",
        ("dataset_id", "block_id", "file_id"),
        (
            _DATASET,
            _BLOCK,
            _column("file_id", pl.UInt64, "file"),
            _column("directory", pl.String, "directory part of the LFN, without the last slash", packed="repeated"),
            _column("base_name", pl.String, "last part of the LFN", packed="uuid"),
            _column("size", pl.Int64, "size", "bytes"),
            _column("adler32", pl.UInt32, "checksum; null: not known", nullable=True),
            _column("crc32", pl.UInt32, "checksum (POSIX cksum); null: not known", nullable=True),
        ),
        "files of blocks; a block of which files are only counted has none",
        chunk_datasets=128,
    ),
    Table(
        "dataset_replicas",
        ("dataset_id", "site_id"),
        (
            _DATASET,
            _SITE,
            _column("growing", pl.Boolean, "shall get the dataset's future blocks"),
            _GROUP,
        ),
        "datasets at sites",
        chunk_datasets=4096,
    ),
    Table(
        "block_replicas",
        ("dataset_id", "block_id", "site_id"),
        (
            _DATASET,
            _BLOCK,
            _SITE,
            _GROUP,
            _column("custodial", pl.Boolean, "the site keeps this copy for good"),
            _column("size", pl.Int64, "bytes present", "bytes"),
            _column("num_files", pl.UInt32, "files present"),
            _column("complete", pl.Boolean, "all files and bytes of the block are present"),
            _column("last_update", pl.Int64, "last change", "seconds"),
        ),
        "blocks at sites",
    ),
    Table(
        "replica_files",
        ("dataset_id", "block_id", "site_id", "file_id"),
        (
            _DATASET,
            _BLOCK,
            _SITE,
            _column("file_id", pl.UInt64, "file that is present"),
        ),
        "files present in incomplete block replicas; a complete replica has no rows",
        chunk_datasets=512,
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}


def empty_frame(name: str) -> pl.DataFrame:
    """An empty frame of the table ``name``."""
    return _EMPTY[name].clone()


_EMPTY = {name: pl.DataFrame(schema=table.schema) for name, table in TABLES.items()}
