"""What Dealer would do with a copy request if its cycle came now and nothing else were proposed; nothing is kept."""

from __future__ import annotations

import time

import polars as pl

from dealer.cycle import dealer_settings
from dealer.engine import decide
from dealer.plugins.protocol import View
from dealer.plugins.requests import RequestsPlugin
from dealer.plugins.wishes import Wish
from dealer.proposals import CHOSEN, NOT_NAMED
from dealer.results import Decisions
from dealer.settings import SettingsError
from dealer.sites import UnknownPartition, sites_of
from inventory.errors import InventoryError
from inventory.snapshot import Snapshot
from registry.placing import Ready
from registry.preview import Outlook, Part, Room, Source
from registry.sizes import blocks_of

_SEED = 0
_VERDICTS = {"activate": "accepted", "reject": "refused", "complete": "nothing left to do", "wait": "would wait"}


def copies(snapshot: Snapshot, ready: Ready) -> Outlook:
    """What would be copied where, and from where; a site that is drawn by lot is one of those with a ``chance``."""
    sources = _sources(snapshot, ready)
    try:
        return _outlook(snapshot, ready, sources)
    except (UnknownPartition, SettingsError) as error:
        return Outlook("would wait", f"Dealer cannot run: {error}", sources=sources)
    except InventoryError as error:
        return Outlook("refused", str(error), sources=sources)


def _outlook(snapshot: Snapshot, ready: Ready, sources: list[Source]) -> Outlook:
    settings, now = dealer_settings(), int(time.time())
    partition = settings.request_partition
    sites = sites_of(snapshot, partition, settings, now)
    plugin = RequestsPlugin()
    group = ready.group or settings.default_group
    wish = Wish(0, group, ready.num_copies, tuple(ready.items), tuple(ready.sites), tuple(ready.patterns))
    plan = plugin.propose(View(snapshot, partition, sites, settings, now), [wish])
    decisions = decide(snapshot, partition, plan.proposals, settings, _SEED, now)
    [answer] = plugin.answers(plan, decisions)
    parts = _parts(snapshot, decisions) if answer.verdict != "reject" else []
    there = [Part(item, site, "is there or on its way") for item, site in plan.memo[0].actions]
    return Outlook(
        _VERDICTS[answer.verdict], answer.reason.removeprefix("Waits: "),
        sum(part.size for part in parts if part.verdict == CHOSEN), sum(part.num_files for part in parts if part.verdict == CHOSEN),
        [*there, *parts], sources, _rooms(decisions, ready),
    )  # fmt: skip


def _parts(snapshot: Snapshot, decisions: Decisions) -> list[Part]:
    """A part for each proposal and site that it may go to."""
    blocks = snapshot.table("blocks").select("block_id", "num_files")
    copied = decisions.copies.filter(pl.col("kind") == "copy").lazy().join(blocks, on="block_id").collect()
    placed = {
        (row["number"], row["site"]): row
        for row in copied.group_by("number", "site").agg(pl.col("size", "num_files").sum()).to_dicts()
    }
    named = decisions.proposals.select("number", "dataset", "blocks", "reason", refused="detail")
    rows = named.join(decisions.considered, on="number", how="left", maintain_order="left_right")
    return [
        _part(row, placed.get((row["number"], row["site"]), {}))
        for row in rows.to_dicts()
        if row["verdict"] != NOT_NAMED
    ]


def _part(row: dict[str, object], placed: dict[str, int]) -> Part:
    blocks = row["blocks"]
    item = f"{row['dataset']}#{blocks[0]}" if isinstance(blocks, list) and len(blocks) == 1 else str(row["dataset"])
    if row["verdict"] is None:
        return Part(item, "", str(row["reason"]), str(row["refused"] or ""))
    chance = row["probability"]
    return Part(
        item, str(row["site"]), str(row["verdict"]), str(row["detail"] or ""), placed.get("size", 0),
        placed.get("num_files", 0), float(chance) if isinstance(chance, float) else None,
    )  # fmt: skip


def _sources(snapshot: Snapshot, ready: Ready) -> list[Source]:
    """Ready sites with complete blocks of the items, the fullest first."""
    blocks = blocks_of(snapshot, ready.items)
    sites = snapshot.table("sites").filter(pl.col("status").cast(pl.String) == "READY")
    sites = sites.select("site_id", pl.col("storage_type").cast(pl.String), site="name")
    replicas = snapshot.table("block_replicas").filter("complete").select("block_id", "site_id")
    found = blocks.lazy().join(replicas, on="block_id").join(sites, on="site_id")
    sums = found.group_by("item", "site", "storage_type").agg(pl.col("size").sum())
    rows = sums.sort("item", "size", "site", descending=[False, True, False]).collect()
    return [Source(**row) for row in rows.to_dicts()]


def _rooms(decisions: Decisions, ready: Ready) -> list[Room]:
    rows = decisions.sites.filter(pl.col("site").is_in(list(ready.sites))).sort("site").to_dicts()
    return [
        Room(
            row["site"], row["quota"], row["present"], row["projected"], row["after"],
            row["closed"] or ("" if row["nameable"] else "not in target_sites"),
        )
        for row in rows
    ]  # fmt: skip
