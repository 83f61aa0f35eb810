"""What plugins propose, how a proposal can end, and the frames of a cycle's decisions, each declared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

NO_SOURCE = "No source replica available"
FILES_MISSING = "Source files missing"
NOT_VALID = "Dataset is not valid"
NOT_TARGET = "Not a target site"
EXISTS = "Replica exists"
NOT_ALLOWED = "Not allowed"
FULL = "Destination is full"
NO_DESTINATION = "No destination available"
INVALID = "Invalid request"
REFUSALS = (NO_SOURCE, FILES_MISSING, NOT_VALID, NOT_TARGET, EXISTS, NOT_ALLOWED, FULL, NO_DESTINATION, INVALID)
"""Exact texts of all refusals."""

CYCLE_VOLUME = "Volume of the cycle is used up"
PLUGIN_VOLUME = "Volume of the plugin is used up"
EXCLUDED = "A plugin of priority 0 goes first"
WITHDRAWN = "Withdrawn while the cycle was deciding"

NOT_NAMED = "not among the proposal's sites"
CHOSEN = "chosen"
CANDIDATE = "could have been chosen"
NOT_CHECKED = "not checked: the proposal was refused before"

PLACED, JOINED, REFUSED, POSTPONED = OUTCOMES = ("placed", "joined", "refused", "postponed")
"""joined: another proposal of this cycle brings the same data to a site that suits; nothing more is copied."""


@dataclass(frozen=True)
class Proposal:
    """One copy that ``plugin`` wants of a dataset or of ``blocks`` of it.

    ``sites``: names of sites it may go to, None: any target site. Proposals of one ``cause`` (e.g. ``request 12``) for
    the same data go to different sites. ``group`` None: the default group. ``take_over``: groups whose block replicas at
    the chosen site get the proposal's owner. ``flip``: data that is there already only changes its owner.
    """

    plugin: str
    cause: str
    dataset: str
    blocks: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None
    group: str | None = None
    take_over: tuple[str, ...] = ()
    flip: bool = False

    @property
    def item(self) -> str:
        """The dataset, ``dataset#block``, or how many blocks of the dataset."""
        if self.blocks is None:
            return self.dataset
        return (
            f"{self.dataset}#{self.blocks[0]}"
            if len(self.blocks) == 1
            else f"{self.dataset} ({len(self.blocks)} blocks)"
        )


_ROW: dict[str, Any] = {
    "number": pl.UInt32, "plugin": pl.String, "cause": pl.String, "dataset": pl.String, "blocks": pl.List(pl.String),
    "sites": pl.List(pl.String), "group": pl.String, "take_over": pl.List(pl.String), "flip": pl.Boolean,
}  # fmt: skip
ROW = pl.Schema(_ROW)
"""A proposal as a row, numbered within its cycle."""

_END: dict[str, Any] = {
    "outcome": pl.Enum(OUTCOMES), "reason": pl.String, "detail": pl.String, "site": pl.String, "volume": pl.Int64,
    "drawn": pl.UInt32,
}  # fmt: skip
PROPOSALS = pl.Schema({**_ROW, **_END})
"""Every proposal of a cycle with its end: chosen ``site``, new bytes there (``volume``), order of drawing (null: never)."""

_COPY: dict[str, Any] = {
    "site": pl.String, "dataset": pl.String, "block": pl.String, "group": pl.String, "kind": pl.Enum(["copy", "owner"]),
    "size": pl.Int64, "growing": pl.Boolean, "dataset_group": pl.String, "plugin": pl.String, "number": pl.UInt32,
    "dataset_id": pl.UInt32, "block_id": pl.UInt32, "site_id": pl.UInt16,
}  # fmt: skip
COPIES = pl.Schema(_COPY)
"""Every block that is to be copied to a site (``size``: its bytes), or changes owner there; ``number``: whose group it got.
``growing``: the dataset replica is to get the dataset's future blocks; false leaves that as it is. ``dataset_group``: owner that the
dataset replica gets; null leaves it."""

CONSIDERED = pl.Schema({
    "number": pl.UInt32, "site": pl.String, "verdict": pl.String, "detail": pl.String, "probability": pl.Float64,
})  # fmt: skip
"""For every proposal and site: chosen or why not; ``probability`` that it had in the draw (null: not in the draw)."""


def proposals_frame(proposals: Sequence[Proposal]) -> pl.DataFrame:
    """Proposals as rows (frame ``ROW``), numbered from 0 in the order given."""
    columns = {name: [getattr(proposal, name) for proposal in proposals] for name in ROW if name != "number"}
    return pl.DataFrame({"number": range(len(proposals)), **columns}, schema=ROW)


def proposals_of(frame: pl.DataFrame) -> list[Proposal]:
    """The proposals that a kept frame was made of, so that a cycle's decisions can be made again."""
    rows = frame.sort("number").select(name for name in ROW if name != "number").iter_rows(named=True)
    return [Proposal(**{name: _frozen(value) for name, value in row.items()}) for row in rows]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
