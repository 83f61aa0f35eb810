"""Keeps rules: what they speak of must have so many full copies at their destinations."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from dealer.conditions import matching_replicas, matching_sites
from dealer.plugins.protocol import Answer, Plan, View
from dealer.plugins.rulebook import Rule, rules_in_force
from dealer.proposals import Proposal
from dealer.results import Decisions
from dealer.settings import DealerSettings
from dealer.sites import GONE, READY, sites_of
from inventory.partitions import members
from inventory.snapshot import Snapshot

PLUGIN = "enforcer"

HELD = pl.Schema({
    "dataset_id": pl.UInt32, "dataset": pl.String, "site_id": pl.UInt16, "site": pl.String, "status": pl.String,
    "all_there": pl.Boolean, "complete": pl.Boolean, "owned": pl.Boolean,
})  # fmt: skip
"""Datasets that a rule speaks of by destination site with any of it (or null): all blocks have a replica there, all are
complete, all belong to the rule's group."""


class EnforcerPlugin:
    """Rules of the cycle's partition."""

    name = PLUGIN

    def load(self, partition: str, settings: DealerSettings) -> list[Rule] | None:
        """The rules of ``partition``; raises RulesError for a file with a mistake, whatever its partition."""
        rules = rules_in_force(settings.enforcer_rules, record=True)
        return [rule for rule in rules if rule.partition == partition] or None

    def propose(self, view: View, loaded: list[Rule]) -> Plan:
        """Changes of owner first, then copies, rule by rule."""
        return Plan([proposal for rule in loaded for proposal in rule_proposals(view, rule)])

    def answers(self, plan: Plan, decisions: Decisions) -> list[Answer]:
        """Nobody asked."""
        return []

    def settle(self, answer: Answer) -> str:
        """Nobody asked."""
        return ""

    def queued(self, answer: Answer, site: str) -> None:
        """Nobody asked."""

    def failed(self, answer: Answer, site: str, reason: str) -> None:
        """Nobody asked."""


def rule_proposals(view: View, rule: Rule) -> list[Proposal]:
    """What ``rule`` lacks now."""
    destinations = tuple(matching_sites(view.sites, rule.destinations, view.now))
    cause = f"enforcer rule {rule.name}"
    flips: list[Proposal] = []
    copies: list[Proposal] = []
    for name, lacking, others in _lacking(holdings(view.snapshot, view.sites, rule, view.now), rule).iter_rows():
        flipped = others[:lacking]
        flips += [Proposal(PLUGIN, cause, name, sites=(site,), group=rule.group, flip=True) for site in flipped]
        elsewhere = tuple(site for site in destinations if site not in flipped)
        copies += [Proposal(PLUGIN, cause, name, sites=elsewhere, group=rule.group)] * (lacking - len(flipped))
    return flips + copies


def _lacking(held: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """frame(dataset, number of copies it lacks, sites with a full copy under another owner); only those that lack some."""
    good = pl.col("all_there") & pl.col("owned") & ~pl.col("status").is_in(GONE).fill_null(False)
    others = pl.col("complete") & ~pl.col("owned") & (pl.col("status") == READY)
    by_dataset = held.sort("dataset", "site").group_by("dataset", maintain_order=True)
    counted = by_dataset.agg(lacking=rule.num_copies - good.sum().cast(pl.Int64), others=pl.col("site").filter(others))
    return counted.filter(pl.col("lacking") > 0)


def holdings(snapshot: Snapshot, sites: pl.DataFrame, rule: Rule, now: int) -> pl.DataFrame:
    """What ``rule`` speaks of and where its destinations have it: frame ``HELD``; ``sites``: frame ``sites.SITES``."""
    spoken = _spoken_of(snapshot, sites, rule, now)
    destinations = sites.lazy().filter(pl.col("site").is_in(matching_sites(sites, rule.destinations, now)))
    group = snapshot.table("groups").filter(pl.col("name") == rule.group).select("group_id", owned=pl.lit(True))
    blocks = (
        snapshot.table("blocks")
        .join(spoken, on="dataset_id", how="semi")
        .group_by("dataset_id")
        .agg(num_blocks=pl.len())
    )
    there = (
        snapshot.table("block_replicas").join(spoken, on="dataset_id", how="semi")
        .join(destinations.select("site_id", "site", "status"), on="site_id")
        .join(group, on="group_id", how="left")
        .group_by("dataset_id", "site_id", "site", "status")
        .agg(pl.len().alias("found"), pl.col("complete").all(), pl.col("owned").fill_null(False).all())
    )  # fmt: skip
    names = snapshot.table("datasets").select("dataset_id", dataset="name")
    return (
        spoken.join(names, on="dataset_id").join(blocks, on="dataset_id")
        .join(there, on="dataset_id", how="left")
        .with_columns(all_there=(pl.col("found") == pl.col("num_blocks")).fill_null(False))
        .with_columns((pl.col("complete") & pl.col("all_there")).fill_null(False), pl.col("owned").fill_null(False))
        .select(HELD.names()).collect()
    )  # fmt: skip


def protected(snapshot: Snapshot, rules: Iterable[Rule], now: int | None = None) -> pl.DataFrame:
    """frame(dataset_id, site_id) of full copies that rules with ``protect`` hold on to, for Detox.

    ``now``: UTC seconds for conditions with relative times; None: the snapshot's time.
    """
    moment = snapshot.time if now is None else now
    frames = [pl.DataFrame(schema={name: HELD[name] for name in ("dataset_id", "site_id")})]
    known = set(snapshot.frame("partitions")["name"])
    for rule in rules:
        if rule.protect and rule.partition in known:
            held = holdings(snapshot, sites_of(snapshot, rule.partition, DealerSettings(), moment), rule, moment)
            frames.append(held.filter(pl.col("complete") & pl.col("owned")).select("dataset_id", "site_id"))
    return pl.concat(frames).unique().sort("dataset_id", "site_id")


def _spoken_of(snapshot: Snapshot, sites: pl.DataFrame, rule: Rule, now: int) -> pl.LazyFrame:
    """frame(dataset_id) with a matching block replica of the partition at a source site."""
    sources = sites.lazy().filter(pl.col("site").is_in(matching_sites(sites, rule.sources, now))).select("site_id")
    inside = members(snapshot, [rule.partition], now).join(sources, on="site_id", how="semi")
    return matching_replicas(snapshot, inside, rule.replicas, now).select("dataset_id").unique()
