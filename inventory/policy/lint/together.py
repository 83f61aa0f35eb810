"""Findings on partitions, and on several policies and the partitions they rule: overlaps, sites that nobody rules."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from inventory.errors import InventoryError
from inventory.partitions import Definition, occupancy_of, overlaps, simple_parts
from inventory.policy.compiler import any_expression, variables_of, with_variables
from inventory.policy.errors import TimeError
from inventory.policy.lint.conditions import KnownNames, Place, lint_condition
from inventory.policy.lint.findings import Finding
from inventory.policy.lint.space import Box, Space, box_of, narrow, predicates_of
from inventory.policy.model import Condition, Policy
from inventory.snapshot import Snapshot
from inventory.units import volume

_SHOWN = 5


@dataclass(frozen=True)
class Partitions:
    """Definitions by name; ``lines``: where each stands in ``file``."""

    definitions: Mapping[str, Definition]
    file: str = "<inventory>"
    lines: Mapping[str, int] | None = None

    def place(self, name: str) -> Place:
        return Place(self.file, (self.lines or {}).get(name, 1))

    def parts(self, name: str) -> tuple[str, ...]:
        """The simple partitions of one; nothing for one that is not defined."""
        try:
            return simple_parts(self.definitions, name)
        except InventoryError:
            return ()


Pairs = Mapping[frozenset[str], str]
"""Simple partitions that have block replicas in common, and what tells so."""


def lint_partitions(partitions: Partitions, known: KnownNames, snapshot: Snapshot | None, now: int) -> list[Finding]:
    """Findings on definitions and on what they have in common: of the snapshot's replicas, or by logic without one."""
    found = [
        finding
        for definition in partitions.definitions.values() if isinstance(definition, Condition)
        for finding in lint_condition(definition, known, now, partitions.file)
    ]  # fmt: skip
    pairs = pairs_of(partitions, snapshot, now)
    return found + list(_overlapping(partitions, pairs)) + list(_unions(partitions, pairs))


def lint_together(
    policies: Sequence[Policy], partitions: Partitions, snapshot: Snapshot | None, now: int
) -> list[Finding]:
    """Findings on policies among each other, and on what they leave out of the snapshot."""
    found = list(_twice(policies))
    shared = None if snapshot is None else overlaps(snapshot, partitions.definitions, now)
    for one, other in itertools.combinations(policies, 2):
        found += _both_rule(one, other, partitions, _at_common_sites(one, other, shared, snapshot, now), now)
    if snapshot is not None and policies:
        found += _not_covered(policies, partitions, snapshot, now)
    return found


def _at_common_sites(
    one: Policy, other: Policy, shared: pl.DataFrame | None, snapshot: Snapshot | None, now: int
) -> Pairs:
    """What partitions have in common at sites that both policies choose; nothing without a snapshot.

    By logic alone, what could be in both would be too much: sites of one kind have names of one kind, which no condition says.
    """
    if shared is None or snapshot is None:
        return {}
    sites = shared.select("site", quota=pl.lit(0), present=pl.lit(0)).unique(maintain_order=True)
    both = sites.filter(_chosen([one], sites, snapshot, now) & _chosen([other], sites, snapshot, now))
    return _shared_pairs(shared.join(both, on="site", how="semi", maintain_order="left"))


def pairs_of(partitions: Partitions, snapshot: Snapshot | None, now: int) -> Pairs:
    """Simple partitions that overlap, two and two, with what they have in common."""
    simple = {name: one for name, one in partitions.definitions.items() if isinstance(one, Condition)}
    if snapshot is not None:
        return _shared_pairs(overlaps(snapshot, partitions.definitions, now))
    try:
        space = Space(predicates_of(simple.values()), now)
    except TimeError:  # it had a meaning when the file was read
        return {}
    boxes = {name: box for name, one in simple.items() if (box := box_of(space, one.predicates, {})) is not None}
    return {
        frozenset((one, other)): "the same condition" if boxes[one] == boxes[other] else "a block replica can be in both"
        for one, other in itertools.combinations(boxes, 2) if _meet(boxes[one], boxes[other])
    }  # fmt: skip


def _shared_pairs(shared: pl.DataFrame) -> dict[frozenset[str], str]:
    """What of ``overlaps`` each two have in common, in words."""
    found: dict[frozenset[str], str] = {}
    for (one, other), rows in shared.partition_by("one", "other", as_dict=True, maintain_order=True).items():
        first = rows.row(0, named=True)
        example = f"{first['dataset']}#{first['block']} at {first['site']}"
        sums = f"{rows['replicas'].sum()} block replicas, {volume(float(rows['size'].sum()))}"
        found[frozenset((str(one), str(other)))] = f"{sums}, are in both, e.g. {example}"
    return found


def _meet(one: Box, other: Box) -> bool:
    left: Box | None = one
    for name, values in other.items():
        left = narrow(left, name, values) if left is not None else None
    return left is not None


def _overlapping(partitions: Partitions, pairs: Pairs) -> Iterator[Finding]:
    """One finding for each partition that overlaps with one above it."""
    above: list[str] = []
    for name in partitions.definitions:
        shared = {other: pairs[two] for other in above if (two := frozenset((name, other))) in pairs}
        if shared:
            told = "; ".join(f"{other}: {what}" for other, what in list(shared.items())[:_SHOWN])
            more = f"; and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
            yield partitions.place(name).found("DL502", f"{name} overlaps with {told}{more}")
        above.append(name)


def _unions(partitions: Partitions, pairs: Pairs) -> Iterator[Finding]:
    for name, definition in partitions.definitions.items():
        if isinstance(definition, Condition):
            continue
        for two in itertools.combinations(sorted(partitions.parts(name)), 2):
            if (what := pairs.get(frozenset(two))) is not None:
                yield partitions.place(name).found("DL505", f"{name} is made of {two[0]} and {two[1]}: {what}")


def _twice(policies: Sequence[Policy]) -> Iterator[Finding]:
    first: dict[str, Policy] = {}
    for policy in policies:
        other = first.setdefault(policy.partition, policy)
        if other is not policy:
            yield Place(policy.file).found("DL504", f"{policy.partition} is ruled by {other.file}, too")


def _both_rule(one: Policy, other: Policy, partitions: Partitions, pairs: Pairs, now: int) -> Iterator[Finding]:
    """Two policies that can delete the same block replicas: a part is in both, or two parts share replicas that exist."""
    mine, theirs = partitions.parts(one.partition), partitions.parts(other.partition)
    common = sorted(set(mine) & set(theirs))
    told = f"{common[0]} is in both" if common and _can_choose_the_same(one, other, now) else ""
    for two in itertools.product(mine, theirs) if not told else ():
        what = pairs.get(frozenset(two), "")
        told = told or (f"{two[0]} and {two[1]}: {what}" if what else "")
    if told and one.partition != other.partition:
        yield Place(other.file).found("DL503", f"{one.partition} ({one.file}) and {other.partition} overlap; {told}")


def _can_choose_the_same(one: Policy, other: Policy, now: int) -> bool:
    """Whether, by logic, a site can match an `On` of both."""
    space = Space(predicates_of([*one.on, *other.on]), now)
    boxes = [[box_of(space, condition.predicates, {}) for condition in policy.on] for policy in (one, other)]
    return any(mine and theirs and _meet(mine, theirs) for mine, theirs in itertools.product(*boxes))


def _not_covered(policies: Sequence[Policy], partitions: Partitions, snapshot: Snapshot, now: int) -> Iterator[Finding]:
    used = occupancy_of(snapshot, partitions.definitions, now)
    # Where there is no limit there is nothing to keep below it.
    in_use = used.filter((pl.col("quota") > 0) | (pl.col("quota") == 0) & (pl.col("present") > 0))
    for partition in dict.fromkeys(policy.partition for policy in policies):
        rows = in_use.filter(pl.col("partition") == partition)
        own = [policy for policy in policies if policy.partition == partition]
        left = rows.filter(~_chosen(own, rows, snapshot, now))
        if left.height:
            named = ", ".join(_site(row) for row in left.head(_SHOWN).iter_rows(named=True))
            more = f" and {left.height - _SHOWN} more" if left.height > _SHOWN else ""
            place = own[0].on[0].predicates[0]
            what = f"{left.height} sites of {partition} are chosen by no `On`: {named}{more}"
            yield Place(own[0].file, place.line, place.column).found("DL501", what)
    ruled = {part for policy in policies for part in partitions.parts(policy.partition)}
    quotas = set(in_use.filter(pl.col("quota") > 0)["partition"])
    for name, definition in partitions.definitions.items():
        if isinstance(definition, Condition) and name in quotas and name not in ruled:
            yield partitions.place(name).found("DL506", f"{name} has quotas, and no policy rules it")


def _site(row: Mapping[str, object]) -> str:
    return f"{row['site']} (quota {volume(int(str(row['quota'])))}, {volume(int(str(row['present'])))} there)"


def _chosen(policies: Sequence[Policy], rows: pl.DataFrame, snapshot: Snapshot, now: int) -> pl.Series:
    """For each row of ``rows`` (site, quota, present): whether a policy's `On` chooses the site."""
    conditions = [condition for policy in policies for condition in policy.on]
    sites = snapshot.frame("sites").select("name", "status", "storage_type")
    frame = rows.select(name="site", quota="quota", occupied="present").join(
        sites, on="name", how="left", maintain_order="left"
    )
    seen = with_variables(frame.lazy(), variables_of(conditions)).select(chosen=any_expression(conditions, now))
    return seen.collect().to_series()
