"""Tiny inventories by names for Dealer's tests: sites with quotas, datasets of equal blocks, and who has what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from dealer.engine import decide
from dealer.proposals import Proposal
from dealer.results import Decisions
from dealer.settings import TB, DealerSettings
from inventory.changes import KEYS, ChangeSet
from inventory.resolve import applied
from inventory.snapshot import Snapshot

NOW = 1_750_000_000
PARTITION = "Physics"
OPEN = {"max_site_pending_fraction": 1.0}
"""Settings with which sites are not closed by what is under way."""


def block_names(count: int) -> list[str]:
    return [f"b{number}" for number in range(1, count + 1)]


def lfn(dataset: str, block: str, number: int) -> str:
    return f"/store/mc{dataset}/{block}/{number}.root"


class World:
    """An inventory that grows by the calls, later ones over earlier ones; sizes in TB."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self.blocks: dict[str, list[str]] = {}
        self._made: Snapshot | None = None
        for name in ("AnalysisOps", "DataOps", "RelVal"):
            self._put("groups", name=name, level="Dataset")
        self._put("partitions", name=PARTITION, definition="blockreplica.owner in [AnalysisOps DataOps]")
        self._put("partitions", name="RelVal", definition="blockreplica.owner == RelVal")

    def _put(self, table: str, **row: Any) -> None:
        self.rows.setdefault(table, {})[tuple(row[name] for name in KEYS[table])] = row
        self._made = None

    def site(
        self, name: str, quota: float = 100.0, status: str = "READY", kind: str = "DISK", partition: str = ""
    ) -> World:
        """A site with the same quota in all partitions, or in one only."""
        self._put("sites", name=name, host=f"{name}.x", storage_type=kind, backend=f"file:///{name}", status=status)
        for part in (partition,) if partition else (PARTITION, "RelVal"):
            self.quota(name, quota, part)
        return self

    def quota(self, site: str, quota: float, partition: str = PARTITION) -> World:
        self._put("quotas", site=site, partition=partition, quota=round(quota * TB))
        return self

    def dataset(self, name: str, blocks: int = 1, size: float = 1.0, status: str = "VALID", files: int = 2) -> World:
        """A dataset of ``blocks`` blocks of ``size`` TB each."""
        self._put("datasets", name=name, status=status)
        self.blocks[name] = block_names(blocks)
        for block in self.blocks[name]:
            self._put("blocks", dataset=name, name=block)
            for number in range(files):
                size_of_file = round(size * TB / files)
                self._put("files", dataset=name, block=block, lfn=lfn(name, block, number), size=size_of_file)
        return self

    def replica(
        self, dataset: str, site: str, group: str = "AnalysisOps", blocks: Sequence[str] | None = None,
        complete: bool = True, growing: bool = False, files: Sequence[int] = (),
    ) -> World:  # fmt: skip
        """Blocks (None: all) of a dataset at a site; ``files``: numbers of those present where not complete."""
        key = {"dataset": dataset, "site": site}
        self._put("dataset_replicas", **key, group=group, growing=growing)
        for block in self.blocks[dataset] if blocks is None else blocks:
            self._put("block_replicas", **key, block=block, group=group, complete=complete)
            for number in files:
                self._put("replica_files", **key, block=block, lfn=lfn(dataset, block, number))
        return self

    def changes(self, token: int = 1) -> ChangeSet:
        changes = ChangeSet("test", token)
        for table, rows in self.rows.items():
            changes.put(table, list(rows.values()))
        return changes

    def snapshot(self) -> Snapshot:
        if self._made is None:
            self._made = applied(Snapshot.from_frames({}), self.changes(), NOW)
        return self._made


def wish_for(dataset: str, *sites: str, **more: Any) -> Proposal:
    """A proposal of the plugin ``test`` for one of ``sites`` (none: any)."""
    values = {"plugin": "test", "cause": "test", "sites": sites or None, **more}
    return Proposal(dataset=dataset, **values)


def decided(
    world: World, *proposals: Proposal, seed: int = 1, partition: str = PARTITION, **settings: Any
) -> Decisions:
    """The decisions of a cycle over ``proposals`` with ``settings`` over ones that close no site for what is under way."""
    chosen = DealerSettings(**{**OPEN, **settings})
    return decide(world.snapshot(), partition, proposals, chosen, seed, NOW)


def ends(decisions: Decisions) -> list[str | None]:
    """By proposal: the site it was placed at, or the reason why not."""
    return [site or reason for site, reason in decisions.proposals.select("site", "reason").iter_rows()]


def verdicts(decisions: Decisions, number: int = 0) -> dict[str, str]:
    rows = decisions.considered.filter(pl.col("number") == number)
    return dict(rows.select("site", "verdict").iter_rows())


def copies(decisions: Decisions) -> set[tuple[str, str, str, str]]:
    """(dataset#block, site, group, kind) of all that was decided."""
    rows = decisions.copies.select(
        pl.format("{}#{}", "dataset", "block"), "site", "group", pl.col("kind").cast(pl.String)
    )
    return set(rows.iter_rows())
