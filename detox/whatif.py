"""What a cycle decides from, and the same with something changed: a policy, quotas, the status of sites, locks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from detox.decisions import Decisions
from detox.engine import decide
from detox.guard import KEYS
from detox.membership import Definitions
from detox.settings import DetoxSettings
from inventory.changes import ChangeSet
from inventory.errors import ChangeRefused, InventoryError
from inventory.partitions import simple_parts
from inventory.policy.errors import nearest
from inventory.policy.facts import Facts
from inventory.policy.model import Policy
from inventory.resolve import resolve
from inventory.snapshot import Snapshot
from registry.locks import covered
from registry.naming import matches

Lock = tuple[str, str, str]
"""Item (dataset, glob of datasets, or dataset#block), glob of sites, glob of groups; empty: all."""


class CannotCompare(InventoryError):
    """A change names what there is not, or cannot be; ``mistakes`` tells all of them."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("this cannot be compared:\n" + "\n".join(f"  {mistake}" for mistake in self.mistakes))


@dataclass(frozen=True)
class Inputs:
    """All that the decisions of a cycle follow from; ``now``: UTC seconds."""

    snapshot: Snapshot
    policy: Policy
    partitions: Definitions
    facts: Facts
    settings: DetoxSettings
    now: int

    def decide(self) -> Decisions:
        """What a cycle would decide. Raises PartitionError, TimeError."""
        return decide(self.snapshot, self.policy, self.partitions, self.facts, self.settings, self.now)


@dataclass(frozen=True)
class Changes:
    """``quotas``: (glob of sites, bytes; -1: no limit) of the policy's partition, that of a union for all its parts together.

    ``statuses``: (glob of sites, status); ``locks`` are set, of ``unlocks`` all locks on what they cover are lifted.
    """

    policy: Policy | None = None
    quotas: tuple[tuple[str, int], ...] = ()
    statuses: tuple[tuple[str, str], ...] = ()
    locks: tuple[Lock, ...] = ()
    unlocks: tuple[Lock, ...] = ()

    def are_none(self) -> bool:
        """Whether nothing is changed at all."""
        return self == Changes()


class _Replaced(Snapshot):
    """A snapshot with other rows in some tables; the others are shared with it, and read only when somebody wants them."""

    def __init__(self, snapshot: Snapshot, frames: dict[str, pl.DataFrame]) -> None:
        super().__init__({name: frame.lazy() for name, frame in frames.items()}, snapshot.version, snapshot.time)
        self._shared = snapshot

    def table(self, name: str) -> pl.LazyFrame:
        return self._tables[name] if name in self._tables else self._shared.table(name)

    def frame(self, name: str, *columns: str) -> pl.DataFrame:
        return super().frame(name, *columns) if name in self._tables else self._shared.frame(name, *columns)

    def of_datasets(self, name: str, dataset_ids: pl.Series, *columns: str) -> pl.DataFrame:
        return (
            super().of_datasets(name, dataset_ids, *columns)
            if name in self._tables
            else self._shared.of_datasets(name, dataset_ids, *columns)
        )


def changed(inputs: Inputs, changes: Changes) -> Inputs:
    """The inputs with the changes. Raises :class:`CannotCompare` with every mistake."""
    mistakes = [*_unknown(inputs.snapshot, changes), *_wrong_policy(inputs, changes)]
    snapshot = inputs.snapshot
    try:
        snapshot = _with_sites(inputs, changes)
    except ChangeRefused as error:
        mistakes += [str(problem) for problem in error.problems]
    if mistakes:
        raise CannotCompare(mistakes)
    locked = _locked(snapshot, inputs.facts.locked, changes)
    return replace(
        inputs, snapshot=snapshot, policy=changes.policy or inputs.policy, facts=replace(inputs.facts, locked=locked)
    )


def _unknown(snapshot: Snapshot, changes: Changes) -> list[str]:
    """Names and globs that match nothing."""
    locks = (*changes.locks, *changes.unlocks)
    asked = {
        "sites": [*(site for site, _ in (*changes.quotas, *changes.statuses)), *(sites for _, sites, _ in locks)],
        "groups": [groups for _, _, groups in locks], "datasets": [item.partition("#")[0] for item, _, _ in locks],
    }  # fmt: skip
    return [
        f"there is no {table[:-1]} {pattern!r}{_nearest(snapshot, table, pattern)}"
        for table, patterns in asked.items()
        for pattern in dict.fromkeys(filter(None, patterns))
        if not _names(snapshot, table, pattern)
    ] + ["a lock needs a dataset, a glob of datasets, or dataset#block" for item, _, _ in locks if not item]


def _nearest(snapshot: Snapshot, table: str, name: str) -> str:
    # Comparing with every dataset would take longer than the whole comparison.
    return "" if table == "datasets" else nearest(name, snapshot.frame(table)["name"])


def _names(snapshot: Snapshot, table: str, pattern: str) -> list[str]:
    return snapshot.frame(table).filter(matches("name", [pattern]))["name"].to_list()


def _wrong_policy(inputs: Inputs, changes: Changes) -> list[str]:
    ours = inputs.policy.partition
    if changes.policy is None or changes.policy.partition == ours:
        return []
    return [f"the changed policy is for partition {changes.policy.partition!r}, the one in force for {ours!r}"]


def _with_sites(inputs: Inputs, changes: Changes) -> Snapshot:
    """The snapshot with other quotas and statuses. Raises ChangeRefused."""
    snapshot, change = inputs.snapshot, ChangeSet("what if", 0)
    first, *others = simple_parts(inputs.partitions, inputs.policy.partition)
    # Later changes of a site overrule earlier ones, as later lines do.
    quotas = {site: quota for glob, quota in changes.quotas for site in _names(snapshot, "sites", glob)}
    statuses = {site: status for glob, status in changes.statuses for site in _names(snapshot, "sites", glob)}
    if quotas:
        change.put("quotas", [
            {"site": site, "partition": part, "quota": quota if part == first else 0}
            for site, quota in quotas.items() for part in (first, *others)
        ])  # fmt: skip
    if statuses:
        change.put("sites", [{"name": site, "status": status} for site, status in statuses.items()])
    if change.is_empty():
        return snapshot
    delta = resolve(snapshot, change, inputs.now)
    return _Replaced(snapshot, {name: delta.applied_to(name, snapshot.frame(name)) for name in delta.tables()})


def _locked(snapshot: Snapshot, locked: pl.DataFrame, changes: Changes) -> pl.DataFrame:
    if changes.unlocks:
        locked = locked.join(covered(snapshot, changes.unlocks), on=KEYS, how="anti")
    if changes.locks:
        locked = pl.concat([locked.select(KEYS), covered(snapshot, changes.locks)]).unique().sort(KEYS)
    return locked
