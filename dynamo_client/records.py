"""What the server gives, typed: one class per kind of thing. Sizes are bytes, times are UTC.

Every record keeps the row that it came from in ``raw``, with what a newer server may tell besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dynamo_client.decoding import Record


@dataclass(frozen=True, kw_only=True)
class Caller(Record):
    """As whom the server knows this client; ``rights``: ``target:role``."""

    user: str = ""
    service: str = ""
    method: str = ""
    scopes: tuple[str, ...] | None = None
    email: str = ""
    dns: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    superuser: bool = False


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
class Action(Record):
    """What an activated request comes to: this item at that site."""

    id: int = 0
    item: str = ""
    site: str = ""
    status: str = ""
    reason: str = ""
    updated: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Request(Record):
    """A copy or deletion request; ``num_copies`` 0: one at every site. ``actions`` are there where one request was asked for."""

    id: int = 0
    status: str = ""
    user: str = ""
    items: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    group: str = ""
    num_copies: int = 1
    site_patterns: tuple[str, ...] = ()
    reason: str = ""
    first_asked: datetime | None = None
    last_asked: datetime | None = None
    count: int = 1
    ended: datetime | None = None
    actions: tuple[Action, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ("completed", "rejected", "cancelled")

    def progress(self) -> tuple[int, int]:
        """How many of its actions have ended, of how many."""
        done = sum(action.status in ("completed", "failed") for action in self.actions)
        return done, len(self.actions)


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


@dataclass(frozen=True, kw_only=True)
class Lock(Record):
    """What keeps Detox off an item until it expires; ``sites`` and ``groups``: globs, empty: all."""

    id: int = 0
    item: str = ""
    sites: str = ""
    groups: str = ""
    user: str = ""
    service: str = ""
    comment: str = ""
    locked: datetime | None = None
    expires: datetime | None = None
    unlocked: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Cycle(Record):
    """A Detox cycle of a partition."""

    id: int = 0
    partition: str = ""
    state: str = ""
    test: bool = False
    author: str = ""
    comment: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class CycleSite(Record):
    """What a cycle did at a site, in bytes; ``quota`` negative: no limit."""

    site: str = ""
    status: str = ""
    state: str = ""
    quota: int = 0
    occupied_before: int = 0
    occupied_after: int = 0
    protected: int = 0
    kept: int = 0
    deleted: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Transfer(Record):
    """A file that is being copied, or waits for it."""

    id: int = 0
    lfn: str = ""
    source: str = ""
    site: str = ""
    size: int = 0
    state: str = ""
    reason: str = ""
    message: str = ""
    created: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Run(Record):
    """A run over the inventory."""

    id: int = 0
    application: str = ""
    state: str = ""
    author: str = ""
    service: str = ""
    writes: bool = False
    host: str = ""
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self.state not in ("new", "assigned", "run", "")


@dataclass(frozen=True, kw_only=True)
class Application(Record):
    """A user's own program; ``exit_code`` negative: ended by that signal."""

    id: int = 0
    title: str = ""
    author: str = ""
    level: str = ""
    state: str = ""
    path: str = ""
    sha256: str = ""
    arguments: tuple[str, ...] = ()
    limit: float | None = None
    run: int | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class LogLine(Record):
    """A line of a run's log."""

    id: int = 0
    at: datetime | None = None
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Server(Record):
    """A part of the installation: whether it is well, and if not what is wrong; ``facts`` as it tells them."""

    name: str = ""
    ok: bool = False
    detail: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Token(Record):
    """A bearer token of one's own; ``secret`` is told once, when it is made. ``scopes``: targets that it
    is good for changing (None: whatever the user may).
    """

    id: int = 0
    service: str = ""
    scopes: tuple[str, ...] | None = None
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None
    secret: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer(Record):
    """Something of which only the server knows the shape: a statistic, a what-if, an explanation; see ``raw``."""

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]
