"""What holds for whatever inventory, proposals and seed."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
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


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    for site in SITES:
        status = draw(st.sampled_from(["READY"] * 5 + ["WAITROOM", "MORGUE"]))
        quota = draw(st.sampled_from([-1.0, 0.0, 3.0, 8.0, 20.0]))
        world.site(site, quota=quota, status=status, kind="MSS" if site.endswith("MSS") else "DISK")
    for dataset in DATASETS:
        status = draw(st.sampled_from(["VALID"] * 5 + ["PRODUCTION", "INVALID"]))
        blocks = draw(st.integers(0, 3))
        world.dataset(dataset, blocks=blocks, size=draw(st.sampled_from([0.5, 1.0, 2.5])), status=status)
        for site in draw(st.sets(st.sampled_from(SITES), max_size=3)) if blocks else ():
            chosen = draw(st.sets(st.sampled_from(world.blocks[dataset]), min_size=1))
            complete = draw(st.booleans())
            files = () if complete else tuple(draw(st.sets(st.integers(0, 1), max_size=1)))
            group = draw(st.sampled_from(GROUPS))
            world.replica(dataset, site, group=group, blocks=sorted(chosen), complete=complete, files=files)
    return world


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


PROPOSALS = st.lists(
    st.builds(
        Proposal,
        plugin=st.sampled_from(PLUGINS), cause=st.sampled_from(["request 1", "request 2", "rule"]),
        dataset=st.sampled_from([*DATASETS, "/No/such/RAW"]),
        blocks=maybe(st.sets(st.sampled_from(["b1", "b2", "b3"]), max_size=2).map(lambda chosen: tuple(sorted(chosen)))),
        sites=maybe(st.lists(st.sampled_from([*SITES, "T9_X"]), max_size=3, unique=True).map(tuple)),
        group=maybe(st.sampled_from(GROUPS)), take_over=st.sampled_from([(), ("None",), ("DataOps", "None")]),
        flip=st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


def replicas_of(snapshot: Snapshot) -> pl.DataFrame:
    return snapshot.frame("block_replicas").select("block_id", "site_id", "group_id", "complete")


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(world=worlds(), proposals=PROPOSALS, seed=st.integers(0, 2**62))
def test_limits_hold_whatever_is_proposed(world: World, proposals: list[Proposal], seed: int) -> None:
    snapshot = world.snapshot()
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
    assert before.filter(pl.col("group") == pl.col("group_before")).is_empty()
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
@given(proposals=PROPOSALS)
def test_proposals_are_kept_as_they_are(proposals: list[Proposal]) -> None:
    assert proposals_of(proposals_frame(proposals)) == proposals


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(world=worlds(), seed=st.integers(0, 2**62))
def test_copies_of_one_cause_are_at_different_sites(world: World, seed: int) -> None:
    wanted = [Proposal("requests", "request 1", dataset) for dataset in DATASETS for _ in range(3)]
    decisions = decide(world.snapshot(), PARTITION, wanted, LIMITS, seed, NOW)
    placed = decisions.proposals.filter(pl.col("site").is_not_null())
    assert placed.select("dataset", "site").is_duplicated().sum() == 0
