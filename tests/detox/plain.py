"""A plain, slow, obviously right Detox: one object per replica, one look at a time, straight from the language's page.

It shares with the product only the parsed policy, the reading of times and the partition's members.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field

from inventory.policy.facts import Facts
from inventory.policy.model import Condition, Line, Policy, Predicate
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES
from inventory.snapshot import Snapshot
from tests.detox.plain_partition import Partitions


@dataclass(eq=False)
class Dataset:
    name: str
    row: dict
    blocks: dict[int, dict] = field(default_factory=dict)
    replicas: dict[str, Replica] = field(default_factory=dict)


@dataclass(eq=False)
class BlockReplica:
    block: int
    owner: str
    size: int
    complete: bool
    last_update: int
    locked: bool


@dataclass(eq=False)
class Replica:
    dataset: Dataset
    site: str
    blocks: dict[int, BlockReplica] = field(default_factory=dict)

    def full(self) -> bool:
        """All blocks of the dataset are there (in the image) and complete."""
        there = {block.block for block in self.blocks.values() if block.complete}
        return bool(there) and there == set(self.dataset.blocks)


@dataclass
class World:
    """The image and all that conditions look at."""

    now: int
    datasets: dict[str, Dataset]
    sites: dict[str, dict]
    quotas: dict[str, int]
    levels: dict[str, str]
    facts: dict[str, set]
    protected_sites: tuple[str, ...]
    newest: int
    latest_releases: set[str]
    partitions: Partitions
    partition: str

    def occupied(self, site: str) -> int:
        return sum(
            block.size
            for dataset in self.datasets.values()
            for replica in dataset.replicas.values()
            if replica.site == site
            for block in replica.blocks.values()
        )

    # values of variables ---------------------------------------------------------------------------------------------

    def site_value(self, name: str, site: str) -> object:
        quota = self.quotas[site]
        if name == "site.occupancy":
            return self.occupied(site) / quota if quota > 0 else float("inf") if quota == 0 else 0.0
        if name == "site.quota":
            return quota / 1e12
        if name in ("always", "never"):
            return name == "always"
        return self.sites[site][name.removeprefix("site.")]

    def dataset_value(self, name: str, dataset: Dataset) -> object:
        replicas = dataset.replicas.values()
        at = self.sites
        if name in ("name", "status", "last_update", "last_access", "demand_rank"):
            return dataset.row[name]
        if name == "size":
            return sum(block["size"] for block in dataset.blocks.values())
        if name == "on_tape":
            tapes = [replica for replica in replicas if at[replica.site]["storage_type"] == "MSS"]
            return "FULL" if any(replica.full() for replica in tapes) else "PARTIAL" if tapes else "NONE"
        if name == "num_full_disk_copy":
            return sum(replica.full() and ready_disk(at[replica.site]) for replica in replicas)
        if name == "num_full_copy":
            return sum(replica.full() and at[replica.site]["status"] == "READY" for replica in replicas)
        if name == "has_incomplete_replica":
            return any(not block.complete for replica in replicas for block in replica.blocks.values())
        if name == "on_protected_site":
            return any(replica.site in self.protected_sites for replica in replicas)
        if name == "release":
            return dataset.row["software_version"] or ""
        if name == "is_latest_production_release":
            return dataset.row["software_version"] in self.latest_releases
        if name == "usage_rank":
            return self.usage_rank(dataset)
        fact = {
            "tape_copy_requested": "tape_requested",
            "unknown_in_all_dbs": "unknown",
            "unhandled_copy_exists": "unhandled_copies",
        }[name]
        return dataset.row["dataset_id"] in self.facts[fact]

    def usage_rank(self, dataset: Dataset) -> float:
        if dataset.row["usage_rank"] is not None:
            return dataset.row["usage_rank"]
        size = self.dataset_value("size", dataset) / 1e9
        last = max(dataset.row["last_access"], dataset.row["last_update"], dataset.row["newest_arrival"])
        return (self.now - last) / 86400 - (dataset.row["num_access"] / size if size else 0.0)

    def replica_value(self, name: str, replica: Replica) -> object:
        left = replica.blocks.values()
        updates = [block.last_update for block in left]
        if name == "size":
            return sum(block.size for block in left)
        if name == "incomplete":
            return any(not block.complete for block in left)
        if name == "first_block_created":
            return min(updates, default=2**32 - 1)
        if name == "last_block_created":
            return max(updates, default=0)
        if name == "num_access":
            return replica.dataset.row["num_access"]
        if name == "enforcer_protected":
            return (replica.dataset.row["dataset_id"], self.sites[replica.site]["site_id"]) in self.facts["enforcer"]
        owners = {block.owner for block in left}
        shared = self.common(replica, owners)
        if name == "num_full_other_copy_common_owner":
            return sum(self.sites[other.site]["status"] == "READY" for other in shared)
        itself = replica.full() and ready_disk(self.sites[replica.site])
        return sum(ready_disk(self.sites[other.site]) for other in shared) + itself

    def common(self, replica: Replica, owners: set[str]) -> list[Replica]:
        """The other full replicas of the dataset with one of the owners."""
        others = [other for other in replica.dataset.replicas.values() if other is not replica and other.full()]
        return [other for other in others if owners & {block.owner for block in other.blocks.values()}]

    def block_value(self, name: str, replica: Replica, block: BlockReplica) -> object:
        copies = [
            (other.site, other.blocks[block.block])
            for other in replica.dataset.replicas.values()
            if block.block in other.blocks
        ]
        others = [(site, copy) for site, copy in copies if copy is not block]
        if name in ("owner", "last_update"):
            return getattr(block, name)
        if name == "is_locked":
            return block.locked
        if name == "num_full_disk_copy":
            return sum(copy.complete for _, copy in copies)
        if name == "on_tape":
            return block.complete and any(
                copy.complete and self.sites[site]["storage_type"] == "MSS" for site, copy in copies
            )
        if name == "is_last_transfer_source":
            safe = any(copy.complete and ready_disk(self.sites[site]) for site, copy in others)
            return block.complete and any(not copy.complete for _, copy in others) and not safe
        return self.newest - block.last_update

    # predicates ------------------------------------------------------------------------------------------------------

    def holds(self, predicate: Predicate, value: object) -> bool:
        operator, operand = predicate.operator, predicate.operand
        negations = {"not": "true", "!=": "==", "!=~": "=~", "notin": "in"}
        if operator in negations:
            return not self.holds(Predicate(predicate.variable, negations[operator], operand), value)
        if operator == "true":
            return bool(value)
        if operator == "=~":
            return re.match(operand, value) is not None
        kind = VARIABLES[predicate.variable].type
        operands = [
            parse_time(str(one), self.now) if kind == "time" else one
            for one in (operand if isinstance(operand, tuple) else [operand])
        ]
        if operator in ("<", "older_than"):
            return value < operands[0]
        if operator in (">", "newer_than"):
            return value > operands[0]
        return any(equal(kind, value, one) for one in operands)

    def in_force(self, condition: Condition) -> bool:
        if condition.until is not None and self.now > parse_time(condition.until, self.now):
            return False
        return condition.since is None or self.now >= parse_time(condition.since, self.now)

    def site_matches(self, conditions: tuple[Condition, ...], site: str) -> bool:
        return any(
            self.in_force(condition)
            and all(
                self.holds(predicate, self.site_value(predicate.variable, site)) for predicate in condition.predicates
            )
            for condition in conditions
        )

    def sees(self, predicate: Predicate, replica: Replica, block: BlockReplica | None) -> bool:
        """The predicate for a block, or, without one, for the replica."""
        level, _, name = predicate.variable.partition(".")
        if level == "blockreplica":
            seen = [block] if block else replica.blocks.values()
            return any(self.holds(predicate, self.block_value(name, replica, one)) for one in seen)
        if level == "replica":
            return self.holds(predicate, self.replica_value(name, replica))
        if level == "dataset":
            return self.holds(predicate, self.dataset_value(name, replica.dataset))
        return self.holds(predicate, self.site_value(predicate.variable, replica.site))

    def decide(self, policy: Policy, replica: Replica) -> dict[int, Line]:
        """The line that decides for each block of the replica, as the image is now."""
        whole = replica.blocks
        decided: dict[int, Line] = {}
        for line in policy.lines:
            decided |= self.read(line, replica)
            # What a line has taken is off the replica for the lines below, whatever they look at.
            replica.blocks = {block: one for block, one in whole.items() if block not in decided}
        replica.blocks = whole
        return decided

    def read(self, line: Line, replica: Replica) -> dict[int, Line]:
        """The line for each of the replica's blocks that it takes."""
        left = list(replica.blocks.values())
        predicates = line.condition.predicates if line.condition else ()
        if not left or (line.condition and not self.in_force(line.condition)):
            return {}
        if line.by_block and line.condition:
            taken = [block for block in left if all(self.sees(one, replica, block) for one in predicates)]
        else:
            taken = left if all(self.sees(one, replica, None) for one in predicates) else []
        return {block.block: line for block in taken}


def ready_disk(site: dict) -> bool:
    return site["status"] == "READY" and site["storage_type"] == "DISK"


def equal(kind: str, value: object, operand: object) -> bool:
    if kind == "text" and ("*" in operand or "?" in operand):
        return fnmatch.fnmatchcase(value, operand)
    return value == operand


def world_of(snapshot: Snapshot, policy: Policy, partitions: Partitions, facts: Facts, now: int) -> World:
    """The image of a policy's partition."""
    sites = {row["name"]: row for row in snapshot.frame("sites").to_dicts()}
    site_names = {row["site_id"]: name for name, row in sites.items()}
    groups = {row["group_id"]: row for row in snapshot.frame("groups").to_dicts()}
    quotas = partitions.quotas(snapshot, policy.partition)
    datasets = {
        row["dataset_id"]: Dataset(row["name"], row | {"newest_arrival": 0})
        for row in snapshot.frame("datasets").to_dicts()
    }
    for row in snapshot.frame("blocks").to_dicts():
        datasets[row["dataset_id"]].blocks[row["block_id"]] = row
    world = World(
        now, {dataset.name: dataset for dataset in datasets.values()}, sites, quotas,
        {row["name"]: "Block" if row["group_id"] == 0 else row["level"] for row in groups.values()},
        {
            "unhandled_copies": set(facts.unhandled_copies["dataset_id"]),
            "tape_requested": set(facts.tape_requested["dataset_id"]),
            "unknown": set(facts.unknown["dataset_id"]),
            "enforcer": set(facts.enforcer_protected.rows()),
        },
        facts.protected_sites, 0, latest_releases(datasets.values()), partitions, policy.partition,
    )  # fmt: skip
    locked = set(facts.locked.rows())
    with_blocks = set()
    for row in snapshot.frame("block_replicas").to_dicts():
        dataset, site = datasets[row["dataset_id"]], site_names[row["site_id"]]
        with_blocks.add((dataset.name, site))
        if partitions.holds(policy.partition, dataset.row, sites[site], groups[row["group_id"]]["name"], row, now):
            is_locked = (row["dataset_id"], row["block_id"], row["site_id"]) in locked
            replica = dataset.replicas.setdefault(site, Replica(dataset, site))
            replica.blocks[row["block_id"]] = BlockReplica(
                row["block_id"], groups[row["group_id"]]["name"], row["size"], row["complete"], row["last_update"],
                is_locked,
            )  # fmt: skip
    targets = {site for site in sites if world.site_matches(policy.on, site)}
    for dataset in datasets.values():
        dataset.replicas = {site: replica for site, replica in dataset.replicas.items() if site in targets}
    for row in snapshot.frame("dataset_replicas").to_dicts():
        dataset, site = datasets[row["dataset_id"]], site_names[row["site_id"]]
        is_tape = site in targets and sites[site]["storage_type"] == "MSS"
        if is_tape and (dataset.name, site) not in with_blocks and dataset.blocks:
            replica = dataset.replicas[site] = Replica(dataset, site)
            for block in dataset.blocks:
                is_locked = (row["dataset_id"], block, row["site_id"]) in locked
                replica.blocks[block] = BlockReplica(block, "None", 0, False, 0, is_locked)
    for dataset in datasets.values():
        arrivals = [block.last_update for replica in dataset.replicas.values() for block in replica.blocks.values()]
        dataset.row["newest_arrival"] = max(arrivals, default=0)
        world.newest = max(world.newest, dataset.row["newest_arrival"])
    world.sites = {site: row for site, row in sites.items() if site in targets}
    return world


def latest_releases(datasets) -> set[str]:
    """The newest X_Y_Z of each X_Y."""
    newest: dict[tuple[int, int], tuple[int, str]] = {}
    for dataset in datasets:
        found = re.fullmatch(r"([0-9]+)_([0-9]+)_([0-9]+)", dataset.row["software_version"] or "")
        if found:
            series, last = (int(found[1]), int(found[2])), (int(found[3]), found[0])
            newest[series] = max(newest.get(series, (-1, "")), last)
    return {name for _, name in newest.values()}
