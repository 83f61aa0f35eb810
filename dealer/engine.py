"""Decides a cycle: which proposals are carried out, and where. Pure: the same input and seed give the same decisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dealer.checks import VERDICTS, Item, Outlook, Refusal, item_of, outlook, require_sources
from dealer.items import ABSENT, Dataset, datasets_of
from dealer.placement import Board, probabilities
from dealer.proposals import (
    CYCLE_VOLUME,
    EXISTS,
    JOINED,
    NO_DESTINATION,
    PLACED,
    PLUGIN_VOLUME,
    POSTPONED,
    REFUSED,
    Proposal,
)  # fmt: skip
from dealer.results import Decisions, Ending, decisions_of
from dealer.rules import allowed_sites
from dealer.settings import TB, DealerSettings
from dealer.sites import sites_of
from inventory.partitions import members
from inventory.snapshot import Snapshot

_ALREADY = VERDICTS.index(EXISTS)


@dataclass
class _Cycle:
    """All that changes while proposals are drawn. ``left``: bytes that may still be copied, by plugin and ("") in all."""

    settings: DealerSettings
    board: Board
    datasets: dict[str, Dataset]
    groups: dict[str, int]
    allowed: dict[str, np.ndarray]
    left: dict[str, float]
    random: np.random.Generator
    used: dict[tuple[object, ...], set[int]] = field(default_factory=lambda: defaultdict(set))


def decide(
    snapshot: Snapshot, partition: str, proposals: Sequence[Proposal], settings: DealerSettings, seed: int, now: int
) -> Decisions:
    """The decisions of a cycle of ``partition`` over ``proposals`` (each plugin's in its own order), as of UTC seconds ``now``."""
    sites = sites_of(snapshot, partition, settings, now)
    order_seed, place_seed = np.random.SeedSequence(seed).spawn(2)
    datasets = datasets_of(
        snapshot,
        members(snapshot, [partition], now),
        [proposal.dataset for proposal in proposals],
        sites["site_id"].to_list(),
    )
    ids = {name: dataset.dataset_id for name, dataset in datasets.items()}
    cycle = _Cycle(
        settings, Board.of(sites, settings), datasets,
        dict(snapshot.frame("groups").select("name", "group_id").iter_rows()),
        allowed_sites(snapshot, ids, sites, settings.placement_rules, now),
        {"": settings.max_total_cycle_volume * TB, **{p: v * TB for p, v in settings.plugin_volumes.items()}},
        np.random.default_rng(place_seed),
    )  # fmt: skip
    drawn = draw_order([proposal.plugin for proposal in proposals], settings, np.random.default_rng(order_seed))
    endings = {number: _attempt(cycle, number, proposals[number]) for number in drawn}
    return decisions_of(partition, seed, now, proposals, drawn, endings, sites, cycle.board, datasets, cycle.groups)


def draw_order(plugins: Sequence[str], settings: DealerSettings, random: np.random.Generator) -> list[int]:
    """Numbers of the proposals in the order in which they are tried; ``plugins``: of each proposal.

    A plugin is drawn with a weight of 1/priority and gives its next proposal. Plugins of priority 0 exclude all others,
    whose proposals are not in the order.
    """
    queues: dict[str, list[int]] = defaultdict(list)
    for number, plugin in enumerate(plugins):
        queues[plugin].append(number)
    first = [plugin for plugin in queues if settings.priority(plugin) == 0]
    names = sorted(first or queues)
    weights = np.array([1.0 / (settings.priority(plugin) or 1.0) for plugin in names])
    heads = np.zeros(len(names), dtype=np.int64)
    lengths = np.array([len(queues[plugin]) for plugin in names])
    order = []
    while (heads < lengths).any():
        chances = np.where(heads < lengths, weights, 0.0)
        choice = int(random.choice(len(names), p=chances / chances.sum()))
        order.append(queues[names[choice]][heads[choice]])
        heads[choice] += 1
    return order


def _attempt(cycle: _Cycle, number: int, proposal: Proposal) -> Ending:
    try:
        dataset = cycle.datasets.get(proposal.dataset)
        item = item_of(proposal, dataset, cycle.groups, cycle.settings.default_group, cycle.board)
        if not proposal.flip:
            require_sources(item)
    except Refusal as refusal:
        return Ending(REFUSED, refusal.reason, refusal.detail)
    seen = outlook(proposal, item, cycle.board, cycle.allowed[proposal.dataset])
    used = cycle.used[proposal.cause, proposal.dataset, proposal.blocks]
    if (shared := _shared(cycle, item, used)) is not None:
        used.add(shared)
        _own(cycle, number, proposal, item, shared, seen)
        return Ending(JOINED, site=shared, outlook=seen)
    candidates = seen.candidates
    candidates[list(used)] = False
    if not candidates.any():
        return _no_candidate(cycle, proposal, seen)
    affordable, reason = _affordable(cycle, proposal, seen, candidates)
    if not affordable.any():
        return Ending(POSTPONED, reason, f"it needs {seen.copied[candidates].min() / TB:.3f} TB", outlook=seen)
    chances = probabilities(cycle.board.weights(seen.added), affordable)
    chosen = int(cycle.random.choice(len(chances), p=chances))
    used.add(chosen)
    volume = _place(cycle, number, proposal, item, chosen, seen)
    return Ending(PLACED, site=chosen, volume=volume, outlook=seen, chances=chances)


def _shared(cycle: _Cycle, item: Item, used: set[int]) -> int | None:
    """The first site to which other proposals of this cycle already bring the item, if the proposal may go there."""
    dataset = item.dataset
    brought = dataset.new[item.blocks].any(axis=0) & (dataset.owner[item.blocks] != ABSENT).all(axis=0) & item.named
    brought[list(used)] = False
    return int(np.flatnonzero(brought)[0]) if brought.any() else None


def _no_candidate(cycle: _Cycle, proposal: Proposal, seen: Outlook) -> Ending:
    """One named site tells its own reason; of many, there is none available."""
    named = np.flatnonzero(seen.named)
    verdicts = set(seen.verdicts[named].tolist())
    if len(named) == 1 or verdicts == {_ALREADY}:
        return Ending(REFUSED, VERDICTS[int(seen.verdicts[named[0]])], seen.details[named[0]], outlook=seen)
    counts = [(int((seen.verdicts[named] == verdict).sum()), VERDICTS[verdict]) for verdict in sorted(verdicts)]
    detail = ", ".join(f"{count} sites: {text}" for count, text in counts)
    return Ending(REFUSED, NO_DESTINATION, detail, outlook=seen)


def _affordable(cycle: _Cycle, proposal: Proposal, seen: Outlook, candidates: np.ndarray) -> tuple[np.ndarray, str]:
    """Candidates that keep the volumes of the cycle and of the plugin, and what to say when there is none."""
    in_cycle = candidates & (seen.copied <= cycle.left[""])
    in_plugin = in_cycle & (seen.copied <= cycle.left.get(proposal.plugin, np.inf))
    return in_plugin, PLUGIN_VOLUME if in_cycle.any() else CYCLE_VOLUME


def _place(cycle: _Cycle, number: int, proposal: Proposal, item: Item, site: int, seen: Outlook) -> int:
    volume = int(seen.copied[site])
    cycle.board.place(site, volume, int(seen.added[site]))
    for name in ("", proposal.plugin):
        if name in cycle.left:
            cycle.left[name] -= volume
    item.dataset.new[item.blocks[seen.missing[:, site]], site] = True
    _own(cycle, number, proposal, item, site, seen)
    return volume


def _own(cycle: _Cycle, number: int, proposal: Proposal, item: Item, site: int, seen: Outlook) -> None:
    """Give the blocks that are new or taken over to the proposal's group, unless a more important plugin has them."""
    dataset, rank = item.dataset, cycle.settings.priority(proposal.plugin)
    touched = np.isfinite(dataset.rank[item.blocks, site]) & (dataset.rank[item.blocks, site] > rank)
    mine = item.blocks[seen.missing[:, site] | seen.flips[:, site] | touched]
    mine = mine[dataset.rank[mine, site] > rank]
    dataset.owner[mine, site], dataset.rank[mine, site], dataset.by[mine, site] = item.group, rank, number
    if proposal.blocks is None:
        dataset.grows[site] |= not proposal.flip
        if dataset.group_rank[site] > rank:
            dataset.group[site], dataset.group_rank[site] = item.group, rank
