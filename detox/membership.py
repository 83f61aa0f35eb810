"""Which block replicas a partition holds, and its quotas: arrays over the snapshot's rows, nothing joined per row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from detox.segments import Array
from inventory.partitions import quota_of_parts, simple_parts
from inventory.policy.compiler import in_force, predicate_expression, variables_of, with_variables
from inventory.policy.model import Condition, Predicate
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot

Definitions = Mapping[str, Condition | tuple[str, ...]]


def conditions_of(definitions: Definitions, partition: str) -> dict[str, Condition]:
    """The conditions of the simple partitions that make up ``partition``. Raises PartitionError for one that is not defined."""
    parts = {name: definitions[name] for name in simple_parts(definitions, partition)}
    return {name: condition for name, condition in parts.items() if isinstance(condition, Condition)}


def quotas(snapshot: Snapshot, parts: Mapping[str, Condition]) -> Array:
    """Bytes per row of ``sites``: the sum over the parts; what is not listed is 0."""
    summed = quota_of_parts(snapshot, parts)
    sites = snapshot.frame("sites").select("site_id")
    return sites.join(summed, on="site_id", how="left", maintain_order="left")["quota"].to_numpy()


class Membership:
    """Answers whether block replicas belong to the union of ``parts``, also under another owner than they have."""

    def __init__(self, snapshot: Snapshot, parts: Mapping[str, Condition], now: int) -> None:
        self._snapshot = snapshot
        self._now = now
        self._parts = [condition for condition in parts.values() if in_force(condition, now)]
        self._tables = [self._table(condition) for condition in self._parts]

    def holds(self, dataset: Array, site: Array, owner: Array, last_update: Array) -> Array:
        """For each block replica: row of its dataset, row of its site, row of its owner, and its last update."""
        held = np.zeros(len(dataset), np.bool_)
        for condition, (sites, owners) in zip(self._parts, self._tables, strict=True):
            within = sites[site] & owners[owner]
            for predicate in condition.predicates:
                if not self._by_table(predicate):
                    within &= self._others(predicate, dataset, last_update)
            held |= within
        return held

    @staticmethod
    def _by_table(predicate: Predicate) -> bool:
        variable = VARIABLES[predicate.variable]
        return variable.level == "site" or (
            variable.level == "block" and variable.compute.meta.root_names() == ["owner"]
        )

    def _table(self, condition: Condition) -> tuple[Array, Array]:
        """What the condition asks of sites and of owners."""
        frames = {
            "site": self._snapshot.frame("sites"),
            "block": self._snapshot.frame("groups").select(owner="name"),
        }
        masks = {level: np.ones(frame.height, np.bool_) for level, frame in frames.items()}
        for predicate in filter(self._by_table, condition.predicates):
            level = VARIABLES[predicate.variable].level
            masks[level] &= self._test(predicate, frames[level])
        return masks["site"], masks["block"]

    def _others(self, predicate: Predicate, dataset: Array, last_update: Array) -> Array:
        if VARIABLES[predicate.variable].level == "dataset":
            return self._test(predicate, self._datasets(predicate))[dataset]
        return self._test(predicate, pl.DataFrame({"last_update": last_update}))

    def _datasets(self, predicate: Predicate) -> pl.DataFrame:
        frame = self._snapshot.frame("datasets")
        if "size" not in VARIABLES[predicate.variable].compute.meta.root_names():
            return frame
        sizes = self._snapshot.table("blocks").group_by("dataset_id").agg(pl.col("size").sum()).collect()
        return frame.join(sizes, on="dataset_id", how="left", maintain_order="left").with_columns(
            pl.col("size").fill_null(0)
        )

    def _test(self, predicate: Predicate, frame: pl.DataFrame) -> Array:
        tested = with_variables(frame.lazy(), [predicate.variable]).select(predicate_expression(predicate, self._now))
        return tested.collect().to_series().to_numpy()


def site_matches(frame: pl.DataFrame, conditions: tuple[Condition, ...], now: int) -> Array:
    """For each row of ``frame`` (the site columns of variables.COLUMNS): whether one of the conditions holds."""
    tests = [
        pl.all_horizontal([predicate_expression(predicate, now) for predicate in condition.predicates])
        for condition in conditions
        if in_force(condition, now)
    ]
    if not tests or frame.is_empty():
        return np.zeros(frame.height, np.bool_)
    seen = with_variables(frame.lazy(), variables_of(conditions)).select(pl.any_horizontal(tests))
    return seen.collect().to_series().to_numpy()
