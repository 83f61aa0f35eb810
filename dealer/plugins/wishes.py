"""Open copy requests made into proposals: what is asked, what is there already, what is left to do; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from dealer.items import ABSENT, Dataset
from dealer.plugins.protocol import View
from dealer.proposals import Proposal
from dealer.settings import TB, DealerSettings
from dealer.sites import GONE, TAPE
from inventory.schema import NO_GROUP_ID, NO_GROUP_NAME

PLUGIN = "requests"


@dataclass(frozen=True)
class Wish:
    """An open copy request. ``sites``: what it stood for when asked; ``patterns``: as asked; ``copies`` 0: one at every site."""

    number: int
    group: str
    copies: int
    items: tuple[str, ...]
    sites: tuple[str, ...]
    patterns: tuple[str, ...]

    @property
    def cause(self) -> str:
        return f"request {self.number}"


@dataclass
class WishPlan:
    """What is proposed for a wish, where it stands already (``actions``: [(item, site)], all ``complete`` or not), or why not."""

    wish: Wish
    proposals: list[Proposal] = field(default_factory=list)
    actions: list[tuple[str, str]] = field(default_factory=list)
    complete: bool = True
    rejected: str = ""


class _Rejected(Exception):
    """The request cannot be done; the text is for the user."""


def plan_wish(wish: Wish, view: View, datasets: dict[str, Dataset], groups: set[str]) -> WishPlan:
    """The plan of one wish; ``datasets``: those of its items that exist; ``groups``: names of all groups."""
    plan = WishPlan(wish)
    try:
        group = wish.group or view.settings.default_group
        if group not in groups:
            raise _Rejected(f"Unknown group {group}")
        parts = _parts(wish, datasets, view.settings)
        _check_size(parts, datasets, view.settings)
        targets = _targets(wish, view)
        for dataset, blocks in parts:
            _plan_part(
                plan, view, datasets[dataset], Proposal(PLUGIN, wish.cause, dataset, blocks, group=group), targets
            )
    except _Rejected as rejected:
        return WishPlan(wish, rejected=str(rejected))
    return plan


def items_of(dataset: str, blocks: Sequence[str] | None) -> list[str]:
    """Texts of the items that a proposal stands for."""
    return [dataset] if blocks is None else [f"{dataset}#{block}" for block in blocks]


def _parts(
    wish: Wish, datasets: dict[str, Dataset], settings: DealerSettings
) -> list[tuple[str, tuple[str, ...] | None]]:
    """Datasets with the blocks asked of each; None: the whole, also where enough of its bytes are asked as blocks."""
    asked: dict[str, set[str] | None] = {}
    for item in wish.items:
        name, separator, block = item.partition("#")
        if name not in datasets:
            raise _Rejected(f"Unknown dataset {name}")
        if not separator:
            asked[name] = None
        elif (blocks := asked.setdefault(name, set())) is not None:
            if block not in datasets[name].names:
                raise _Rejected(f"Unknown block {item}")
            blocks.add(block)
    if not asked:
        raise _Rejected("Nothing is asked: the request has no items")
    return [(name, _whole_or(blocks, datasets[name], settings)) for name, blocks in asked.items()]


def _whole_or(blocks: set[str] | None, dataset: Dataset, settings: DealerSettings) -> tuple[str, ...] | None:
    if blocks is None:
        return None
    chosen = np.array([name in blocks for name in dataset.names])
    if dataset.sizes[chosen].sum() > settings.block_request_max * dataset.sizes.sum():
        return None
    return tuple(sorted(blocks))


def _check_size(
    parts: list[tuple[str, tuple[str, ...] | None]], datasets: dict[str, Dataset], settings: DealerSettings
) -> None:
    sizes = [datasets[name].sizes[datasets[name].select(blocks)].sum() for name, blocks in parts]
    if (size := sum(sizes)) > settings.max_size * TB:
        raise _Rejected(f"{size / TB:.3f} TB is larger than max_size, {settings.max_size:g} TB")


@dataclass(frozen=True)
class _Targets:
    """Positions of the wish's sites: ``usable`` may get a copy, now or later; ``counting`` may count as having one."""

    names: list[str]
    usable: list[int]
    counting: list[int]
    why_not: str


def _targets(wish: Wish, view: View) -> _Targets:
    rows = view.sites.to_dicts()
    place = {row["site"]: position for position, row in enumerate(rows)}
    disks = [row["site"] for row in rows if row["storage_type"] != TAPE]
    usable, counting, reasons = [], [], []
    for name in wish.sites:
        if name not in place:
            reasons.append(f"{name}: no such site")
            continue
        row = rows[place[name]]
        if row["status"] not in GONE:
            counting.append(place[name])
        if why := _why_never(row, wish, disks):
            reasons.append(f"{name}: {why}")
        else:
            usable.append(place[name])
    return _Targets([row["site"] for row in rows], usable, counting, "; ".join(reasons) or "no site is named")


def _why_never(row: dict[str, Any], wish: Wish, disks: list[str]) -> str:
    """Why the site does not become a target by itself; empty when it is one, or may be one later."""
    if row["status"] in GONE:
        return f"status {row['status']}"
    if not row["nameable"]:
        return "not in target_sites"
    if row["quota"] == 0:
        return "no quota for the partition"
    if row["storage_type"] != TAPE or row["listed"] or _is_meant(row["site"], wish, disks):
        return ""
    return "tape, which the request does not name"


def _is_meant(tape: str, wish: Wish, disks: list[str]) -> bool:
    """Whether the request names ``tape``, or by a glob that matches no disk: ``*`` and ``T1_*`` ask for a copy anywhere."""
    globs = [pattern for pattern in wish.patterns if fnmatchcase(tape, pattern)]
    return tape in wish.patterns or any(not any(fnmatchcase(disk, glob) for disk in disks) for glob in globs)


def _plan_part(plan: WishPlan, view: View, dataset: Dataset, wanted: Proposal, targets: _Targets) -> None:
    """Add to ``plan`` what is left to do for one dataset, or its blocks, ``wanted``."""
    blocks = dataset.select(wanted.blocks)
    owners = dataset.owner[blocks]
    # A copy that belongs to nobody may be on its way out: it is taken over, not counted.
    kept = (owners != ABSENT) & (owners != NO_GROUP_ID)
    has = np.asarray(kept.all(axis=0) & bool(len(dataset.names)))
    complete = np.asarray(dataset.complete[blocks].all(axis=0))
    having = sorted((p for p in targets.counting if has[p]), key=lambda p: (not complete[p], targets.names[p]))
    lacking = [p for p in targets.usable if not has[p]]
    if not having and not lacking:
        raise _Rejected(f"No target site left ({targets.why_not})")
    copies = plan.wish.copies
    number = len(having) + len(lacking) if copies == 0 else min(copies, len(having) + len(lacking))
    for position in having[:number]:
        plan.actions.extend((item, targets.names[position]) for item in items_of(wanted.dataset, wanted.blocks))
        plan.complete &= bool(complete[position])
    plan.proposals.extend(_left(view, wanted, owners, targets, lacking, max(0, number - len(having)), copies == 0))


def _left(
    view: View,
    wanted: Proposal,
    owners: np.ndarray,
    targets: _Targets,
    lacking: list[int],
    number: int,
    everywhere: bool,
) -> list[Proposal]:
    """``number`` proposals: each site by itself where all are wanted; else what may be taken over, then anywhere else."""
    overwritten = (*view.settings.overwritten_groups, NO_GROUP_NAME)
    ids = dict(view.snapshot.frame("groups").select("name", "group_id").iter_rows())
    taken = np.isin(owners, [ids[name] for name in overwritten if name in ids]).sum(axis=0)
    there = sorted((p for p in lacking if everywhere or taken[p]), key=lambda p: (-taken[p], targets.names[p]))[:number]

    def proposal(places: list[int]) -> Proposal:
        sites = tuple(targets.names[place] for place in places)
        return Proposal(
            wanted.plugin, wanted.cause, wanted.dataset, wanted.blocks, sites, wanted.group, take_over=overwritten
        )

    elsewhere = [place for place in lacking if place not in there]
    return [proposal([place]) for place in there] + [proposal(elsewhere)] * (number - len(there))
