"""What a plugin is, and how plugins are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol

import polars as pl

from dealer.proposals import Proposal
from dealer.results import Decisions
from dealer.settings import DealerSettings
from inventory.errors import InventoryError
from inventory.snapshot import Snapshot

ENTRY_POINTS = "dynamo.dealer_plugins"
BUILT_IN = ("dealer.plugins.requests:RequestsPlugin", "dealer.plugins.enforcer:EnforcerPlugin")


class PluginError(InventoryError):
    """What a plugin needs cannot be used; the cycle goes on without it, and tells."""


@dataclass(frozen=True)
class View:
    """What a plugin sees of a cycle: ``sites`` is the frame ``sites.SITES`` of ``partition``; ``now`` UTC seconds."""

    snapshot: Snapshot
    partition: str
    sites: pl.DataFrame
    settings: DealerSettings
    now: int


@dataclass(frozen=True)
class Answer:
    """What becomes of one request: ``verdict`` activate, reject, complete or wait; ``actions``: [(item, site)] if activated."""

    cause: str
    number: int
    verdict: str
    reason: str = ""
    actions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a plugin proposes, the most wanted first, and what it will want to know again when it answers."""

    proposals: Sequence[Proposal]
    memo: Any = None


class Plugin(Protocol):
    """Proposes copies. ``load``, ``settle`` and ``queued`` stand at the edge; ``propose`` and ``answers`` are pure."""

    name: str

    def load(self, partition: str, settings: DealerSettings) -> Any:
        """What the plugin needs from outside the inventory (its own files and tables); None: nothing to do in this cycle.

        Raises :class:`PluginError` when that cannot be used.
        """

    def propose(self, view: View, loaded: Any) -> Plan:
        """The copies it wants."""

    def answers(self, plan: Plan, decisions: Decisions) -> Sequence[Answer]:
        """What it has to tell to those who asked, once the decisions are made."""

    def settle(self, answer: Answer) -> str:
        """Tell one of them, in the caller's transaction; returns why it is moot now, or nothing."""

    def queued(self, answer: Answer, site: str) -> None:
        """The answer's actions at ``site`` are with file operations, in the caller's transaction."""

    def failed(self, answer: Answer, site: str, reason: str) -> None:
        """The answer's actions at ``site`` cannot be carried out, in the caller's transaction."""


def plugins() -> dict[str, Plugin]:
    """All plugins by name: Dynamo's own and those that other packages declare."""
    found: list[Plugin] = []
    for place in BUILT_IN:
        module, _, name = place.partition(":")
        found.append(getattr(import_module(module), name)())
    found.extend(entry.load()() for entry in entry_points(group=ENTRY_POINTS))
    return {plugin.name: plugin for plugin in found}
