"""What engines, file operations and programs do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dynamo_client.decoding import Record


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
class Answer(Record):
    """Something of which only the server knows the shape: a statistic, a what-if, an explanation; see ``raw``."""

    def __getitem__(self, name: str) -> Any:
        return self.raw[name]
