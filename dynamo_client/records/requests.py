"""Requests with their actions, and locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dynamo_client.decoding import Record


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
class ApplicationLock(Record):
    """What stops an application (``holds``), or waits to stop it; ``expires`` None: until it is given back."""

    id: int = 0
    application: str = ""
    user: str = ""
    service: str = ""
    note: str = ""
    locked_at: datetime | None = None
    expires: datetime | None = None
    holds: bool = False
