"""The decisions of a cycle as frames, made of what the engine kept while it went on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from dealer.checks import VERDICTS, Outlook
from dealer.items import ABSENT, Dataset
from dealer.placement import Board
from dealer.proposals import (
    CHOSEN,
    CONSIDERED,
    COPIES,
    EXCLUDED,
    JOINED,
    PLACED,
    POSTPONED,
    PROPOSALS,
    WITHDRAWN,
    Proposal,
    proposals_frame,
)  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How a proposal ended; ``site``: position of the chosen one; ``volume``: bytes to copy; ``chances``: of the draw."""

    outcome: str
    reason: str | None = None
    detail: str = ""
    site: int | None = None
    volume: int = 0
    outlook: Outlook | None = None
    chances: np.ndarray | None = None


@dataclass(frozen=True)
class Decisions:
    """What a cycle decided: frames ``PROPOSALS``, ``COPIES``, ``CONSIDERED`` (see ``proposals.py``).

    ``sites``: frame ``sites.SITES`` with ``after`` (projected bytes at the end), ``volume`` (bytes to copy), ``blocks`` and
    ``verdict``: what was done, or why nothing.
    """

    partition: str
    seed: int
    now: int
    proposals: pl.DataFrame
    copies: pl.DataFrame
    considered: pl.DataFrame
    sites: pl.DataFrame

    def refusals(self) -> dict[str, dict[str, int]]:
        """Number of proposals by plugin and reason, of those refused or left for later."""
        counts = (
            self.proposals.filter(pl.col("reason").is_not_null())
            .group_by("plugin", "reason")
            .len()
            .sort("plugin", "reason")
        )
        found: dict[str, dict[str, int]] = {}
        for plugin, reason, count in counts.iter_rows():
            found.setdefault(plugin, {})[reason] = count
        return found


def without(decisions: Decisions, causes: Sequence[str]) -> Decisions:
    """The decisions without what only proposals of ``causes`` wanted, which were withdrawn meanwhile."""
    gone = pl.col("cause").is_in(list(causes))
    proposals = decisions.proposals
    still = proposals.filter(~gone & pl.col("outcome").is_in([PLACED, JOINED]))
    mine = decisions.copies.join(proposals.filter(gone), on="number", how="semi")
    dropped = mine.join(still, on=["dataset", "site"], how="anti").select("site", "dataset", "block")
    copies = decisions.copies.join(dropped, on=["site", "dataset", "block"], how="anti")
    left = copies.group_by("site").agg(
        blocks=pl.len().cast(pl.Int64), volume=pl.col("size").filter(pl.col("kind") == "copy").sum()
    )
    sites = decisions.sites.drop("blocks", "volume").join(left, on="site", how="left", maintain_order="left")
    return replace(
        decisions,
        proposals=proposals.with_columns(
            outcome=pl.when(gone).then(pl.lit(POSTPONED)).otherwise(pl.col("outcome").cast(pl.String)).cast(PROPOSALS["outcome"]),
            reason=pl.when(gone).then(pl.lit(WITHDRAWN)).otherwise("reason"),
            volume=pl.when(gone).then(0).otherwise("volume"),
        ),
        copies=copies, sites=sites.with_columns(pl.col("blocks", "volume").fill_null(0)),
    )  # fmt: skip


def decisions_of(
    partition: str,
    seed: int,
    now: int,
    proposals: Sequence[Proposal],
    drawn: Sequence[int],
    endings: Mapping[int, Ending],
    sites: pl.DataFrame,
    board: Board,
    datasets: Mapping[str, Dataset],
    groups: Mapping[str, int],
) -> Decisions:
    """The frames of a cycle's end."""
    copies = _copies(proposals, sites, datasets, {number: name for name, number in groups.items()})
    return Decisions(
        partition, seed, now,
        proposals=_proposals(proposals, drawn, endings, board.names),
        copies=copies,
        considered=_considered(endings, board.names),
        sites=_sites(sites, board, copies, len(proposals)),
    )  # fmt: skip


def _proposals(
    proposals: Sequence[Proposal], drawn: Sequence[int], endings: Mapping[int, Ending], names: Sequence[str]
) -> pl.DataFrame:
    excluded = Ending(POSTPONED, EXCLUDED)
    ends = [endings.get(number, excluded) for number in range(len(proposals))]
    turn = {number: place for place, number in enumerate(drawn)}
    columns = {
        "outcome": [end.outcome for end in ends],
        "reason": [end.reason for end in ends],
        "detail": [end.detail for end in ends],
        "site": [None if end.site is None else names[end.site] for end in ends],
        "volume": [end.volume for end in ends],
        "drawn": [turn.get(number) for number in range(len(proposals))],
    }
    schema = {name: PROPOSALS[name] for name in columns}
    return proposals_frame(proposals).hstack(pl.DataFrame(columns, schema=schema)).match_to_schema(PROPOSALS)


def _considered(endings: Mapping[int, Ending], names: Sequence[str]) -> pl.DataFrame:
    frames = [pl.DataFrame(schema=CONSIDERED)]
    texts = np.array(VERDICTS, dtype=object)
    for number, end in endings.items():
        if end.outlook is None:
            continue
        verdicts = texts[end.outlook.verdicts]
        if end.site is not None:
            verdicts[end.site] = CHOSEN
        chances = [None] * len(names) if end.chances is None else [chance or None for chance in end.chances.tolist()]
        rows = {"site": names, "verdict": verdicts.tolist(), "detail": end.outlook.details, "probability": chances}
        frame = pl.DataFrame(rows, schema_overrides={"probability": pl.Float64})
        frames.append(frame.select(pl.lit(number, pl.UInt32).alias("number"), *rows))
    return pl.concat(frames)


def _copies(
    proposals: Sequence[Proposal], sites: pl.DataFrame, datasets: Mapping[str, Dataset], groups: Mapping[int, str]
) -> pl.DataFrame:
    frames = [pl.DataFrame(schema=COPIES)]
    site_ids, site_names = sites["site_id"].to_numpy(), np.array(sites["site"].to_list(), dtype=object)
    group_names = np.array([groups.get(number, "") for number in range(max(groups, default=0) + 1)], dtype=object)
    plugins = np.array([proposal.plugin for proposal in proposals], dtype=object)
    for name, dataset in sorted(datasets.items()):
        # Taken over and given back is no change, unless the dataset replica learns something by it.
        changed = dataset.new | (dataset.owner != dataset.owner_before) | dataset.grows | (dataset.group != ABSENT)
        blocks, places = np.nonzero(np.isfinite(dataset.rank) & changed)
        if not len(blocks):
            continue
        new, by, given = dataset.new[blocks, places], dataset.by[blocks, places], dataset.group[places]
        columns = {
            "site": site_names[places].tolist(),
            "dataset": [name] * len(blocks),
            "block": [dataset.names[block] for block in blocks],
            "group": group_names[dataset.owner[blocks, places]].tolist(),
            "kind": np.where(new, "copy", "owner").tolist(),
            "size": dataset.sizes[blocks],
            "growing": dataset.grows[places],
            "dataset_group": [None if group == ABSENT else group_names[group] for group in given],
            "plugin": plugins[by].tolist(),
            "number": by.astype(np.uint32),
            "dataset_id": np.full(len(blocks), dataset.dataset_id, np.uint32),
            "block_id": dataset.ids[blocks].astype(np.uint32),
            "site_id": site_ids[places].astype(np.uint16),
        }
        frames.append(pl.DataFrame(columns, schema=COPIES))
    return pl.concat(frames).sort("site", "dataset", "block_id")


def _sites(sites: pl.DataFrame, board: Board, copies: pl.DataFrame, num_proposals: int) -> pl.DataFrame:
    blocks = dict(copies.group_by("site").len().iter_rows())
    counts = [blocks.get(name, 0) for name in board.names]
    verdicts = [_site_verdict(board, place, counts[place], num_proposals) for place in range(len(board.names))]
    return sites.with_columns(
        pl.Series("after", board.projected, pl.Int64), pl.Series("volume", board.copied, pl.Int64),
        pl.Series("blocks", counts, pl.Int64), pl.Series("verdict", verdicts, pl.String),
    )  # fmt: skip


def _site_verdict(board: Board, place: int, blocks: int, num_proposals: int) -> str:
    end = board.closed[place]
    if blocks:
        return f"{blocks} blocks placed" + (f"; {end}" if end else "")
    if not board.nameable[place]:
        return "nothing placed: not in target_sites"
    if end:
        return f"nothing placed: {end}"
    return "nothing placed: no proposal ended here" if num_proposals else "nothing placed: nothing was proposed"
