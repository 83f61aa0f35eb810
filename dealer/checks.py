"""Whether one proposal can be carried out, and at which sites; pure, nothing is changed here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dealer.items import ABSENT, Dataset
from dealer.placement import Board
from dealer.proposals import (
    CANDIDATE,
    EXISTS,
    FILES_MISSING,
    FULL,
    INVALID,
    NO_SOURCE,
    NOT_ALLOWED,
    NOT_NAMED,
    NOT_TARGET,
    NOT_VALID,
    Proposal,
)  # fmt: skip
from dealer.sites import READY

VERDICTS = (NOT_NAMED, NOT_TARGET, EXISTS, NOT_ALLOWED, FULL, CANDIDATE)
_NAMED_FROM = VERDICTS.index(NOT_TARGET)


class Refusal(Exception):
    """The proposal cannot be carried out at any site: ``reason`` is one of ``proposals.REFUSALS``."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Item:
    """What a proposal speaks of, checked: positions of ``blocks`` in ``dataset``; owner; groups that may be taken over."""

    dataset: Dataset
    blocks: np.ndarray
    group: int
    take_over: np.ndarray
    named: np.ndarray


@dataclass(frozen=True)
class Outlook:
    """By site: index into ``VERDICTS``, why it is not a target, bytes to copy, bytes that the partition would grow by.

    ``missing``, ``flips``: blocks of the item (rows) that would be copied, or change owner, at each site.
    """

    verdicts: np.ndarray
    details: list[str]
    copied: np.ndarray
    added: np.ndarray
    missing: np.ndarray
    flips: np.ndarray

    @property
    def candidates(self) -> np.ndarray:
        return np.asarray(self.verdicts == VERDICTS.index(CANDIDATE))

    @property
    def named(self) -> np.ndarray:
        return np.asarray(self.verdicts >= _NAMED_FROM)


def item_of(proposal: Proposal, dataset: Dataset | None, groups: dict[str, int], default: str, board: Board) -> Item:
    """The proposal's item; raises :class:`Refusal` where no site can change that it is not to be done."""
    if dataset is None:
        raise Refusal(INVALID, f"no dataset {proposal.dataset}")
    blocks = dataset.select(proposal.blocks)
    if blocks is None or proposal.blocks == ():
        raise Refusal(INVALID, f"{proposal.dataset} lacks some of the blocks" if proposal.blocks else "no blocks")
    name = default if proposal.group is None else proposal.group
    if name not in groups:
        raise Refusal(INVALID, f"no group {name}")
    named = np.array([proposal.sites is None or site in proposal.sites for site in board.names], dtype=bool)
    if not named.any() and proposal.sites is not None:
        raise Refusal(INVALID, f"no site called {', '.join(proposal.sites) or 'so: none is named'}")
    if not dataset.valid:
        raise Refusal(NOT_VALID)
    taken = [groups[group] for group in proposal.take_over if group in groups]
    return Item(dataset, blocks, groups[name], np.array(taken, dtype=np.int32), named)


def require_sources(item: Item) -> None:
    """Raises :class:`Refusal` when ready sites have nothing, or not all files, of the item."""
    if not item.dataset.part[item.blocks].any():
        raise Refusal(NO_SOURCE)
    if not item.dataset.whole[item.blocks].all():
        lacking = int((~item.dataset.whole[item.blocks]).sum())
        raise Refusal(FILES_MISSING, f"{lacking} of {len(item.blocks)} blocks")


def outlook(proposal: Proposal, item: Item, board: Board, allowed: np.ndarray) -> Outlook:
    """What each site would make of the item; ``allowed``: Boolean by site, from the placement rules."""
    owner, sizes = item.dataset.owner[item.blocks], item.dataset.sizes[item.blocks]
    there = owner != ABSENT
    missing = np.zeros_like(there) if proposal.flip else ~there
    other = there & (owner != item.group)
    flips = other if proposal.flip else other & np.isin(owner, item.take_over)
    copied = sizes @ missing
    added = copied + sizes @ (flips & ~item.dataset.member[item.blocks])
    target = _targets(proposal, board) & (there.all(axis=0) | (not proposal.flip))
    tests = (item.named, target, (missing | flips).any(axis=0), allowed, board.room_for(added))
    verdicts = np.select([~test for test in tests], range(len(tests)), default=len(tests))
    return Outlook(verdicts, _details(board, verdicts), copied, added, missing, flips)


def _targets(proposal: Proposal, board: Board) -> np.ndarray:
    if proposal.flip:
        # Nothing is written there: limits of new data do not matter, but a site has to be in use and have space of its own.
        return np.asarray(np.array([status == READY for status in board.status]) & (board.quota != 0))
    return np.asarray((board.listed if proposal.sites is None else board.nameable) & board.open)


def _details(board: Board, verdicts: np.ndarray) -> list[str]:
    not_target = VERDICTS.index(NOT_TARGET)
    return [
        "" if verdict != not_target else reason or "not in target_sites"
        for verdict, reason in zip(verdicts, board.closed, strict=True)
    ]
