"""What the Dealer monitor's page shows, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from dealer import history
from dealer.models import Cycle
from dealer.plugins.enforcer import holdings
from dealer.plugins.rulebook import Rule
from dealer.report import summary
from dealer.settings import DealerSettings
from dealer.sites import GONE, sites_of
from inventory.snapshot import Snapshot

_SHOWN = 100


def cycles(partition: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Newest cycles (of ``partition``), as ``report.summary`` gives them."""
    rows = Cycle.objects.all() if partition is None else Cycle.objects.filter(partition=partition)
    return [summary(cycle) for cycle in rows[:limit]]


def volumes(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Of cycles: bytes to copy, blocks and changes of owner by plugin and site, most bytes first."""
    frames = [history.read(number, "copies") for number in numbers]
    if not frames:
        return []
    copied = pl.col("kind") == "copy"
    by_site = (
        pl.concat(frames)
        .group_by("plugin", "site")
        .agg(volume=pl.col("size").filter(copied).sum(), blocks=copied.sum(), owners=(~copied).sum())
    )
    return by_site.sort(["volume", "plugin", "site"], descending=[True, False, False]).to_dicts()


def progress(number: int, snapshot: Snapshot) -> list[dict[str, Any]]:
    """How far the copies of a cycle are, by site: bytes wanted, bytes there, blocks wanted, complete and gone since."""
    copies = history.read(number, "copies").filter(pl.col("kind") == "copy")
    key = ["dataset_id", "block_id", "site_id"]
    now = snapshot.table("block_replicas").select(*key, "complete", present="size")
    joined = copies.lazy().join(now, on=key, how="left").group_by("site").agg(
        wanted=pl.col("size").sum(), present=pl.col("present").fill_null(0).sum(), blocks=pl.len(),
        complete=pl.col("complete").fill_null(False).sum(), gone=pl.col("complete").is_null().sum(),
    )  # fmt: skip
    return joined.sort("site").collect().to_dicts()


def rule_standing(
    snapshot: Snapshot, rules: Iterable[Rule], settings: DealerSettings, now: int
) -> list[dict[str, Any]]:
    """Of each rule: datasets that have all their copies (fulfilled), will have (en route), or lack some (missing)."""
    return [_standing(snapshot, rule, settings, now) for rule in rules]


def _standing(snapshot: Snapshot, rule: Rule, settings: DealerSettings, now: int) -> dict[str, Any]:
    held = holdings(snapshot, sites_of(snapshot, rule.partition, settings, now), rule, now)
    counts = pl.col("owned") & ~pl.col("status").is_in(GONE).fill_null(False)
    by_dataset = held.group_by("dataset").agg(
        full=(counts & pl.col("complete")).sum(), there=(counts & pl.col("all_there")).sum()
    )
    wanted = rule.num_copies
    state = (
        pl.when(pl.col("full") >= wanted).then(pl.lit("fulfilled"))
        .when(pl.col("there") >= wanted).then(pl.lit("en_route")).otherwise(pl.lit("missing"))
    )  # fmt: skip
    states = by_dataset.with_columns(state=state).sort("dataset")
    numbers = dict(states.group_by("state").len().iter_rows())
    lists = {
        name: states.filter(pl.col("state") == name)["dataset"].head(_SHOWN).to_list()
        for name in ("en_route", "missing")
    }
    return {
        "rule": rule.name, "partition": rule.partition, "group": rule.group, "num_copies": wanted, "protect": rule.protect,
        **{name: numbers.get(name, 0) for name in ("fulfilled", "en_route", "missing")}, "datasets": lists,
    }  # fmt: skip
