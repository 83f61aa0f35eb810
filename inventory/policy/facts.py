"""What policies see besides the inventory, as frames by id: locks, requests, enforcer rules, the operators' site lists."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from inventory.schema import TABLES

_IDS = TABLES["block_replicas"].schema


def _empty(*columns: str) -> pl.DataFrame:
    return pl.DataFrame(schema={column: _IDS[column] for column in columns})


@dataclass(frozen=True)
class Facts:
    """``locked`` (dataset_id, block_id, site_id): block replicas under a lock; ``enforcer_protected`` (dataset_id, site_id):
    replicas that a rule holds; ``unhandled_copies``, ``tape_requested``, ``unknown`` (dataset_id): datasets with a copy
    request that waits, a copy to tape not done, and datasets no other catalogue knows; ``protected_sites``: site names.
    """

    locked: pl.DataFrame
    enforcer_protected: pl.DataFrame
    unhandled_copies: pl.DataFrame
    tape_requested: pl.DataFrame
    protected_sites: tuple[str, ...] = ()
    unknown: pl.DataFrame = field(default_factory=lambda: _empty("dataset_id"))

    @classmethod
    def none(cls) -> Facts:
        """No locks, no requests, no rules."""
        return cls.with_locks(_empty("dataset_id", "block_id", "site_id"))

    @classmethod
    def with_locks(cls, locked: pl.DataFrame) -> Facts:
        """Only locks: frame(dataset_id, block_id, site_id)."""
        datasets = _empty("dataset_id")
        return cls(locked, _empty("dataset_id", "site_id"), datasets, datasets)
