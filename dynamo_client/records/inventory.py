"""What there is: datasets, replicas, files, sites, statistics; and documents of metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dynamo_client.decoding import Record


@dataclass(frozen=True, kw_only=True)
class Dataset(Record):
    """A dataset with its attributes."""

    name: str = ""
    status: str = ""
    data_type: str = ""
    software_version: str | None = None
    is_open: bool = False
    size: int = 0
    num_files: int = 0
    num_blocks: int = 0
    last_update: datetime | None = None
    last_access: datetime | None = None
    num_access: int = 0


@dataclass(frozen=True, kw_only=True)
class DatasetReplica(Record):
    """A dataset at a site; ``size`` is what is there of it."""

    dataset: str = ""
    site: str = ""
    group: str | None = None
    growing: bool = False
    size: int = 0
    num_files: int = 0
    num_blocks: int = 0
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class BlockReplica(Record):
    """A block at a site; ``size`` and ``num_files`` are what is there of it."""

    dataset: str = ""
    block: str = ""
    site: str = ""
    group: str | None = None
    size: int = 0
    num_files: int = 0
    complete: bool = False
    custodial: bool = False
    last_update: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class File(Record):
    """A file of a block."""

    lfn: str = ""
    dataset: str = ""
    block: str = ""
    size: int = 0
    adler32: str | None = None


@dataclass(frozen=True, kw_only=True)
class Site(Record):
    """A storage site."""

    name: str = ""
    host: str = ""
    storage_type: str = ""
    status: str = ""
    backend: str = ""


@dataclass(frozen=True, kw_only=True)
class Quota(Record):
    """A partition at a site: its space (negative: no limit), what is there, and what will be when all replicas are complete."""

    site: str = ""
    partition: str = ""
    quota: int = 0
    present: int = 0
    projected: int = 0


@dataclass(frozen=True, kw_only=True)
class Statistic(Record):
    """One value of a category: ``size`` (also by ``site``), or ``mean`` and ``rms`` of the numbers of replicas."""

    key: str = ""
    site: str = ""
    size: int = 0
    mean: float = 0.0
    rms: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Table(Record):
    """Rows of a query; ``truncated``: there are more than were asked for."""

    results: tuple[Any, ...] = ()
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class Location(Record):
    """A file's physical name at a site."""

    site: str = ""
    protocol: str = ""
    lfn: str = ""
    pfn: str = ""


@dataclass(frozen=True, kw_only=True)
class Injection(Record):
    """A document of metadata, queued or applied; ``version``: the inventory's when it was applied."""

    id: int = 0
    kind: str = ""
    state: str = ""
    user: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    version: int | None = None
    asked: datetime | None = None
    ended: datetime | None = None
