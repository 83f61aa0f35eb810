"""Which block replicas a partition holds, looked at one by one."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from inventory.policy.model import Condition
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot

_NEGATIONS = {"!=": "==", "!=~": "=~", "notin": "in"}


@dataclass(frozen=True)
class Partitions:
    """Definitions by name."""

    definitions: dict[str, Condition | tuple[str, ...]]

    def parts(self, name: str) -> set[str]:
        """The simple partitions a partition is made of."""
        definition = self.definitions[name]
        if isinstance(definition, Condition):
            return {name}
        return set().union(*(self.parts(part) for part in definition))

    def quotas(self, snapshot: Snapshot, name: str) -> dict[str, int]:
        ids = {row["name"]: row["partition_id"] for row in snapshot.frame("partitions").to_dicts()}
        parts = {ids[part] for part in self.parts(name)}
        rows = [row for row in snapshot.frame("quotas").to_dicts() if row["partition_id"] in parts]
        return {
            site["name"]: sum(row["quota"] for row in rows if row["site_id"] == site["site_id"])
            for site in snapshot.frame("sites").to_dicts()
        }

    def holds(self, name: str, dataset: dict, site: dict, owner: str, block_replica: dict, now: int) -> bool:
        return any(
            all(
                _matches(predicate, _value(predicate.variable, dataset, site, owner, block_replica), now)
                for predicate in self.definitions[part].predicates
            )
            for part in self.parts(name)
        )


def _value(variable: str, dataset: dict, site: dict, owner: str, block_replica: dict) -> object:
    level, _, name = variable.partition(".")
    if variable == "blockreplica.owner":
        return owner
    if variable == "dataset.release":
        return dataset["software_version"] or ""
    return {"dataset": dataset, "site": site, "blockreplica": block_replica}[level][name]


def _matches(predicate, value, now: int) -> bool:
    if predicate.operator in _NEGATIONS:
        positive = type(predicate)(predicate.variable, _NEGATIONS[predicate.operator], predicate.operand)
        return not _matches(positive, value, now)
    if predicate.operator == "=~":
        return re.match(predicate.operand, value) is not None
    kind = VARIABLES[predicate.variable].type
    operands = predicate.operand if isinstance(predicate.operand, tuple) else (predicate.operand,)
    if kind == "time":
        operands = tuple(parse_time(operand, now) for operand in operands)
    if predicate.operator in ("<", "older_than"):
        return value < operands[0]
    if predicate.operator in (">", "newer_than"):
        return value > operands[0]
    return any(
        fnmatch.fnmatchcase(value, one) if kind == "text" and {"*", "?"} & set(one) else value == one
        for one in operands
    )
