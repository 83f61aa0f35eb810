"""Makes the image of a policy's partition from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from detox.image import Image, Rows, Sites
from detox.membership import Definitions, Membership, conditions_of, quotas, site_matches
from detox.segments import Array, ranges
from inventory.policy.compiler import variables_of
from inventory.policy.facts import Facts
from inventory.policy.model import Policy
from inventory.schema import NO_GROUP_ID
from inventory.snapshot import Snapshot

_NOT_THERE = -1


@dataclass(frozen=True)
class BlockReplicas:
    """Block replicas before they are sorted: rows of datasets, blocks, sites and groups, and what they are."""

    dataset: Array
    block: Array
    site: Array
    owner: Array
    size: Array
    complete: Array
    last_update: Array

    def at(self, rows: Array) -> BlockReplicas:
        return BlockReplicas(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def and_(self, other: BlockReplicas) -> BlockReplicas:
        return BlockReplicas(
            *(np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__dataclass_fields__)
        )


def build_image(
    snapshot: Snapshot, policy: Policy, definitions: Definitions, facts: Facts, now: int
) -> tuple[Image, Membership]:
    """The image, with all counts true, and the membership that decides what an owner's change does.

    Raises PartitionError, or TimeError for an operand that is no time.
    """
    parts = conditions_of(definitions, policy.partition)
    membership = Membership(snapshot, parts, now)
    every = _all_block_replicas(snapshot)
    held = membership.holds(every.dataset, every.site, every.owner, every.last_update)
    quota = quotas(snapshot, parts)
    targets = _targets(snapshot, policy, quota, every, held, now)
    columns = every.at(np.flatnonzero(held & targets[every.site])).and_(_empty_tape_replicas(snapshot, targets, every))
    image = _assemble(snapshot, facts, columns, _sites(snapshot, facts, targets, quota), now)
    image.refresh(np.arange(len(image.dataset_number)))
    return image, membership


def _lookup(ids: Array) -> Array:
    """For each id its place in ``ids``."""
    places = np.full(int(ids.max()) + 1 if len(ids) else 1, _NOT_THERE, np.int64)
    places[ids] = np.arange(len(ids))
    return places


def _all_block_replicas(snapshot: Snapshot) -> BlockReplicas:
    frame = snapshot.frame("block_replicas")
    places = {
        key: _lookup(snapshot.frame(table)[key].to_numpy())[frame[key].to_numpy()]
        for key, table in (
            ("dataset_id", "datasets"), ("block_id", "blocks"), ("site_id", "sites"), ("group_id", "groups")
        )
    }  # fmt: skip
    return BlockReplicas(
        places["dataset_id"],
        places["block_id"],
        places["site_id"],
        places["group_id"],
        frame["size"].to_numpy(),
        frame["complete"].to_numpy(),
        frame["last_update"].to_numpy(),
    )


def _targets(snapshot: Snapshot, policy: Policy, quota: Array, every: BlockReplicas, held: Array, now: int) -> Array:
    """For each row of ``sites``: whether it matches an `On` line."""
    frame = snapshot.frame("sites")
    in_use = held if "site.occupancy" in variables_of(policy.on) else np.zeros_like(held)
    occupied = np.bincount(every.site[in_use], every.size[in_use], minlength=frame.height)
    return site_matches(frame.with_columns(occupied=occupied, quota=quota), policy.on, now)


def _empty_tape_replicas(snapshot: Snapshot, targets: Array, every: BlockReplicas) -> BlockReplicas:
    """Size-0 blocks, owned by nobody, for dataset replicas at MSS target sites that have no block replica at all."""
    sites, datasets = snapshot.frame("sites"), snapshot.frame("datasets")
    at_tape = targets & (sites["storage_type"].cast(pl.String) == "MSS").to_numpy()
    replicas = snapshot.frame("dataset_replicas")
    site = _lookup(sites["site_id"].to_numpy())[replicas["site_id"].to_numpy()]
    dataset = _lookup(datasets["dataset_id"].to_numpy())[replicas["dataset_id"].to_numpy()]
    taped = at_tape[site]
    filled = at_tape[every.site]
    key, has_blocks = dataset * len(sites) + site, every.dataset[filled] * len(sites) + every.site[filled]
    empty = np.flatnonzero(taped & ~np.isin(key, has_blocks))
    first, number = _blocks_of(snapshot)
    counts = number[dataset[empty]]
    total = int(counts.sum())
    nobody = _lookup(snapshot.frame("groups")["group_id"].to_numpy())[NO_GROUP_ID]
    return BlockReplicas(
        np.repeat(dataset[empty], counts), ranges(first[dataset[empty]], counts), np.repeat(site[empty], counts),
        np.full(total, nobody), np.zeros(total, np.int64), np.zeros(total, np.bool_), np.zeros(total, np.int64),
    )  # fmt: skip


def _blocks_of(snapshot: Snapshot) -> tuple[Array, Array]:
    """For each row of ``datasets`` its first row of ``blocks``, and how many it has there."""
    of_block = _lookup(snapshot.frame("datasets")["dataset_id"].to_numpy())[
        snapshot.frame("blocks")["dataset_id"].to_numpy()
    ]
    counts = np.bincount(of_block, minlength=snapshot.frame("datasets").height)
    return np.cumsum(counts) - counts, counts


def _sites(snapshot: Snapshot, facts: Facts, targets: Array, quota: Array) -> Sites:
    number = np.flatnonzero(targets)
    frame = snapshot.frame("sites")[number]
    protected = frame["name"].is_in(list(facts.protected_sites)).to_numpy()
    return Sites(
        number, frame["site_id"].to_numpy(), frame["name"].to_list(), frame["status"].cast(pl.String).to_list(),
        frame["storage_type"].cast(pl.String).to_list(), quota[number], protected,
    )  # fmt: skip


def _assemble(snapshot: Snapshot, facts: Facts, columns: BlockReplicas, sites: Sites, now: int) -> Image:
    """Sort the block replicas into datasets and replicas."""
    target = np.full(snapshot.frame("sites").height, _NOT_THERE, np.int64)
    target[sites.number] = np.arange(len(sites))
    site = target[columns.site]
    key = columns.dataset * len(sites) + site
    order = np.argsort(key, kind="stable")
    columns, site, key = columns.at(order), site[order], key[order]
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    replica = np.cumsum(np.diff(key, prepend=-1) != 0) - 1
    of_replica = columns.dataset[begins]
    firsts = np.flatnonzero(np.diff(of_replica, prepend=-1))
    number = of_replica[firsts]
    first_block, num_blocks = _blocks_of(snapshot)
    rows = Rows(
        replica, columns.block, columns.owner, columns.size, columns.complete, columns.last_update,
        _locked(snapshot, facts, columns),
    )  # fmt: skip
    image = Image(
        sites, rows, number, snapshot.frame("datasets")[number], np.append(firsts, len(begins)),
        first_block[number], num_blocks[number], np.cumsum(np.diff(of_replica, prepend=-1) != 0) - 1, site[begins],
        np.append(begins, len(key)), snapshot.frame("blocks").height,
    )  # fmt: skip
    image.newest = int(columns.last_update.max(initial=0))
    return image


def _locked(snapshot: Snapshot, facts: Facts, columns: BlockReplicas) -> Array:
    if facts.locked.is_empty():
        return np.zeros(len(columns.block), np.bool_)
    sites = snapshot.frame("sites")["site_id"].to_numpy()
    blocks = snapshot.frame("blocks")["block_id"].to_numpy()
    key = blocks[columns.block].astype(np.int64) << 16 | sites[columns.site]
    locked = facts.locked["block_id"].to_numpy().astype(np.int64) << 16 | facts.locked["site_id"].to_numpy()
    return np.isin(key, locked)
