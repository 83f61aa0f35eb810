"""What holds for whatever inventory, proposals and seed."""

from __future__ import annotations

from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealer.engine import decide
from dealer.proposals import JOINED, PLACED, Proposal, proposals_frame, proposals_of
from dealer.results import Decisions
from dealer.settings import TB, DealerSettings
from inventory.snapshot import Snapshot
from tests.dealer.makers import NOW, PARTITION, World

SITES = ("T1_A", "T2_B", "T2_C", "T2_D", "T1_A_MSS")
DATASETS = ("/A/x-v1/RAW", "/B/x-v1/RAW", "/C/x-v1/RAW", "/D/x-v1/RAW")
GROUPS = ("AnalysisOps", "DataOps", "RelVal", "None")
PLUGINS = ("requests", "enforcer", "other")
LIMITS = DealerSettings(
    max_total_cycle_volume=9.0, plugin_volumes={"other": 3.0}, max_site_pending_fraction=0.3, target_site_occupancy=0.8,
    placement_rules=("dataset.name == /D/* and site.name == T2_B",),
)  # fmt: skip


def world_of(random: Random) -> World:
    """Small quotas, mostly ready sites, mostly complete sources at T1_A; and whatever can be odd."""
    world = World().site("T1_A", quota=-1.0)
    for site in SITES[1:]:
        status = random.choice(["READY"] * 9 + ["WAITROOM", "MORGUE"])
        quota = random.choice([-1.0, 0.0, 2.0, 2.0, 3.0, 5.0, 8.0])
        world.site(site, quota=quota, status=status, kind="MSS" if site.endswith("MSS") else "DISK")
    for dataset in DATASETS:
        blocks = random.choice([0, 1, 2, 2, 3, 3])
        status = random.choice(["VALID"] * 8 + ["PRODUCTION", "INVALID"])
        world.dataset(dataset, blocks=blocks, size=random.choice([0.5, 1.0, 1.5]), status=status)
        if random.random() < 0.85:
            complete = random.sample(world.blocks[dataset], blocks if random.random() < 0.8 else blocks // 2)
            world.replica(dataset, "T1_A", group=random.choice(GROUPS), blocks=complete)
        if blocks and random.random() < 0.5:
            _part(world, dataset, random)
    return world


def _part(world: World, dataset: str, random: Random) -> None:
    chosen = random.sample(world.blocks[dataset], random.randint(1, len(world.blocks[dataset])))
    complete = random.random() < 0.5
    files = () if complete else random.choice([(), (0,), (1,)])
    site, group = random.choice(SITES), random.choice(GROUPS)
    world.replica(dataset, site, group=group, blocks=chosen, complete=complete, files=files)


def proposal_of(random: Random) -> Proposal:
    sites = tuple(random.sample([*SITES, "T9_X"], random.randint(1, 2))) if random.random() < 0.6 else None
    blocks = tuple(random.sample(["b1", "b2", "b3"], random.randint(0, 2))) if random.random() < 0.3 else None
    return Proposal(
        plugin=random.choice(PLUGINS), cause=random.choice(["request 1", "request 2", "rule"]),
        dataset=random.choice([*DATASETS * 4, "/No/such/RAW"]), blocks=blocks, sites=sites,
        group=random.choice([None, *GROUPS]), take_over=random.choice([(), ("None",), ("DataOps", "None")]),
        flip=random.random() < 0.15,
    )  # fmt: skip


def replicas_of(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.frame("block_replicas").select("block_id", "site_id", "group_id", "complete")


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**62))
def test_limits_hold_whatever_is_proposed(seed: int) -> None:
    """Everything is made of the seed: that spreads evenly over what is odd, and a failure can be repeated."""
    random = Random(seed)
    snapshot, proposals = world_of(random).snapshot(), [proposal_of(random) for _ in range(14)]
    decisions = decide(snapshot, PARTITION, proposals, LIMITS, seed, NOW)
    _volumes_hold(decisions)
    _sites_hold(decisions)
    _copies_are_new_and_have_sources(decisions, snapshot)
    _every_proposal_has_an_end(decisions)
    again = decide(snapshot, PARTITION, proposals_of(decisions.proposals), LIMITS, seed, NOW)
    for name in ("proposals", "copies", "considered", "sites"):
        assert getattr(again, name).equals(getattr(decisions, name)), name


def _volumes_hold(decisions: Decisions) -> None:
    copied = decisions.copies.filter(pl.col("kind") == "copy")
    by_plugin = dict(decisions.proposals.group_by("plugin").agg(pl.col("volume").sum()).iter_rows())
    assert sum(by_plugin.values()) == copied["size"].sum() == decisions.sites["volume"].sum() <= 9 * TB
    assert by_plugin.get("other", 0) <= 3 * TB


def _sites_hold(decisions: Decisions) -> None:
    """Nothing new beyond the quota, at sites that are not ready or have no space; one placement at most crosses a limit."""
    largest = decisions.proposals.group_by("site").agg(largest=pl.col("volume").max())
    sites = decisions.sites.join(largest, on="site", how="left").filter(pl.col("volume") > 0)
    assert sites.filter((pl.col("quota") >= 0) & (pl.col("after") > pl.col("quota"))).is_empty()
    assert sites.filter(
        (pl.col("status") != "READY") | (pl.col("quota") == 0) | pl.col("closed").is_not_null()
    ).is_empty()
    limited = sites.filter(pl.col("quota") > 0)
    # Owners that change add to the partition too, so only sites without such are exact.
    exact = limited.filter(pl.col("after") - pl.col("projected") == pl.col("volume"))
    before_last = pl.col("after") - pl.col("largest")
    assert exact.filter(before_last > 0.8 * pl.col("quota")).is_empty()
    forbidden = decisions.copies.filter((pl.col("dataset") == "/D/x-v1/RAW") & (pl.col("site") == "T2_B"))
    assert forbidden.is_empty()


def _copies_are_new_and_have_sources(decisions: Decisions, snapshot: Snapshot) -> None:
    copies, there = decisions.copies, replicas_of(snapshot)
    assert copies.select("block_id", "site_id").is_duplicated().sum() == 0
    copied, owned = copies.filter(pl.col("kind") == "copy"), copies.filter(pl.col("kind") == "owner")
    assert copied.join(there, on=["block_id", "site_id"]).is_empty()
    groups = snapshot.frame("groups").select("group_id", group="name")
    before = owned.join(there, on=["block_id", "site_id"]).join(groups, on="group_id", suffix="_before")
    assert before.height == owned.height
    # What was taken over and given back is there only for what the dataset replica learns by it.
    same = before.filter(pl.col("group") == pl.col("group_before"))
    assert same.filter(~pl.col("growing") & pl.col("dataset_group").is_null()).is_empty()
    ready = snapshot.frame("sites").filter(pl.col("status") == "READY").select("site_id")
    whole = there.filter("complete").join(ready, on="site_id", how="semi")["block_id"]
    parts = (
        snapshot.frame("replica_files")
        .join(ready, on="site_id", how="semi")
        .group_by("block_id")
        .agg(pl.col("file_id").n_unique())
    )
    together = parts.filter(pl.col("file_id") == 2)["block_id"]
    assert set(copied["block_id"]) <= set(whole) | set(together)
    status = snapshot.frame("datasets").join(copies, on="dataset_id", how="semi")["status"].cast(pl.String)
    assert set(status) <= {"VALID", "PRODUCTION"}


def _every_proposal_has_an_end(decisions: Decisions) -> None:
    good = pl.col("outcome").is_in([PLACED, JOINED])
    assert decisions.proposals.filter(good & (pl.col("site").is_null() | pl.col("reason").is_not_null())).is_empty()
    assert decisions.proposals.filter(~good & (pl.col("site").is_not_null() | pl.col("reason").is_null())).is_empty()
    told = decisions.proposals.filter(good).join(decisions.considered, on=["number", "site"])
    assert set(told["verdict"]) <= {"chosen"}
    assert decisions.proposals.filter(good).height == told.height


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**62))
def test_proposals_are_kept_as_they_are(seed: int) -> None:
    random = Random(seed)
    proposals = [proposal_of(random) for _ in range(random.randint(0, 5))]
    assert proposals_of(proposals_frame(proposals)) == proposals


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**62))
def test_copies_of_one_cause_are_at_different_sites(seed: int) -> None:
    wanted = [Proposal("requests", "request 1", dataset) for dataset in DATASETS for _ in range(3)]
    decisions = decide(world_of(Random(seed)).snapshot(), PARTITION, wanted, LIMITS, seed, NOW)
    placed = decisions.proposals.filter(pl.col("site").is_not_null())
    assert placed.select("dataset", "site").is_duplicated().sum() == 0
