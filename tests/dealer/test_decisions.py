"""Where proposals go and why they do not: every rule and every refusal, on inventories of a few rows."""

from __future__ import annotations

import pytest

from dealer.proposals import (
    CYCLE_VOLUME,
    EXCLUDED,
    EXISTS,
    FILES_MISSING,
    FULL,
    INVALID,
    JOINED,
    NO_DESTINATION,
    NO_SOURCE,
    NOT_ALLOWED,
    NOT_NAMED,
    NOT_TARGET,
    NOT_VALID,
    PLACED,
    PLUGIN_VOLUME,
)  # fmt: skip
from dealer.settings import TB, DealerSettings, SettingsError
from dealer.sites import UnknownPartition
from tests.dealer.makers import World, copies, decided, ends, verdicts, wish_for

A, B = "/A/x-v1/RAW", "/B/x-v1/RAW"


def world() -> World:
    """Dataset A of two blocks at T1_A; T2_B and T2_C are empty."""
    return World().site("T1_A").site("T2_B").site("T2_C").dataset(A, blocks=2).replica(A, "T1_A")


def test_a_dataset_goes_to_the_site_that_was_named() -> None:
    decisions = decided(world(), wish_for(A, "T2_B"))
    assert ends(decisions) == ["T2_B"]
    assert copies(decisions) == {(f"{A}#b1", "T2_B", "AnalysisOps", "copy"), (f"{A}#b2", "T2_B", "AnalysisOps", "copy")}
    assert decisions.copies["growing"].to_list() == [True, True]
    assert decisions.proposals["volume"].to_list() == [2 * TB]


def test_blocks_make_a_replica_that_does_not_grow() -> None:
    decisions = decided(world(), wish_for(A, "T2_B", blocks=("b2",), group="DataOps"))
    assert copies(decisions) == {(f"{A}#b2", "T2_B", "DataOps", "copy")}
    assert decisions.copies["growing"].to_list() == [False]


def test_only_what_is_missing_is_copied() -> None:
    partly = world().replica(A, "T2_B", blocks=["b1"])
    decisions = decided(partly, wish_for(A, "T2_B"))
    assert copies(decisions) == {(f"{A}#b2", "T2_B", "AnalysisOps", "copy")}
    assert decisions.proposals["volume"].to_list() == [TB]


def test_without_a_destination_sites_that_have_it_are_passed_over() -> None:
    seen = {ends(decided(world(), wish_for(A), seed=seed))[0] for seed in range(30)}
    assert seen == {"T2_B", "T2_C"}


def test_emptier_sites_are_drawn_more_often() -> None:
    full = world().site("T2_B", quota=10).dataset(B, size=7.9).replica(B, "T2_B")
    places = [ends(decided(full, wish_for(A), seed=seed))[0] for seed in range(60)]
    # Including the item T2_B is 99 % full, T2_C 2 %: 1 draw in 100.
    assert places.count("T2_B") < 6
    decisions = decided(full, wish_for(A), target_site_occupancy=0.99)
    chances = dict(decisions.considered.select("site", "probability").iter_rows())
    assert chances["T2_B"] == pytest.approx(0.01 / (0.01 + 0.98))
    assert chances["T1_A"] is None


def test_no_source_anywhere() -> None:
    assert ends(decided(world().dataset(B), wish_for(B, "T2_B"))) == [NO_SOURCE]


def test_a_source_at_a_site_in_the_morgue_is_none() -> None:
    dead = world().site("T3_Dead", status="MORGUE").dataset(B).replica(B, "T3_Dead")
    assert ends(decided(dead, wish_for(B, "T2_B"))) == [NO_SOURCE]


def test_a_dataset_without_blocks_has_nothing_to_copy() -> None:
    assert ends(decided(world().dataset(B, blocks=0), wish_for(B, "T2_B"))) == [NO_SOURCE]


def test_partial_replicas_count_together_file_by_file() -> None:
    halves = world().dataset(B).replica(B, "T1_A", complete=False, files=[0])
    assert ends(decided(halves, wish_for(B, "T2_C"))) == [FILES_MISSING]
    halves.replica(B, "T2_B", complete=False, files=[1])
    assert ends(decided(halves, wish_for(B, "T2_C"))) == ["T2_C"]


def test_the_same_half_twice_is_not_a_whole() -> None:
    twice = (
        world().dataset(B).replica(B, "T1_A", complete=False, files=[0]).replica(B, "T2_B", complete=False, files=[0])
    )
    assert ends(decided(twice, wish_for(B, "T2_C"))) == [FILES_MISSING]


@pytest.mark.parametrize("status", ["UNKNOWN", "DELETED", "DEPRECATED", "INVALID", "IGNORED"])
def test_only_valid_datasets_are_copied(status: str) -> None:
    assert ends(decided(world().dataset(B, status=status).replica(B, "T1_A"), wish_for(B, "T2_B"))) == [NOT_VALID]


def test_datasets_in_production_are_copied() -> None:
    assert ends(decided(world().dataset(B, status="PRODUCTION").replica(B, "T1_A"), wish_for(B, "T2_B"))) == ["T2_B"]


@pytest.mark.parametrize("status", ["WAITROOM", "MORGUE", "UNKNOWN"])
def test_sites_that_are_not_ready_are_no_targets(status: str) -> None:
    decisions = decided(world().site("T2_D", status=status), wish_for(A, "T2_D"))
    assert ends(decisions) == [NOT_TARGET]
    assert decisions.proposals["detail"].to_list() == [f"status {status}"]


def test_globs_are_ordered_and_the_last_decides() -> None:
    globs = ("*", "!T2_*", "T2_C")
    assert ends(decided(world(), wish_for(A, "T2_B"), target_sites=globs)) == [NOT_TARGET]
    assert ends(decided(world(), wish_for(A, "T2_C"), target_sites=globs)) == ["T2_C"]
    assert ends(decided(world(), wish_for(A), target_sites=())) == [NO_DESTINATION]


def test_a_full_site_is_no_target() -> None:
    full = world().site("T2_B", quota=10).dataset(B, size=9.4).replica(B, "T2_B", complete=False)
    decisions = decided(full, wish_for(A, "T2_B"))
    assert ends(decisions) == [NOT_TARGET]
    assert decisions.proposals["detail"].to_list() == ["projected occupancy 0.940 is above 0.93"]


def test_a_site_with_much_under_way_is_no_target() -> None:
    waiting = world().dataset(B, size=4).replica(B, "T2_B", complete=False)
    assert ends(decided(waiting, wish_for(A, "T2_B"), max_site_pending_fraction=0.03)) == [NOT_TARGET]
    assert ends(decided(waiting, wish_for(A, "T2_B"), max_site_pending_fraction=0.04)) == ["T2_B"]


def test_a_site_that_crosses_a_limit_is_closed_for_the_cycle() -> None:
    many = World().site("T1_A").site("T2_B", quota=10)
    names = [f"/{letter}/x-v1/RAW" for letter in "ABC"]
    for name in names:
        many.dataset(name, size=4.7).replica(name, "T1_A")
    decisions = decided(many, *(wish_for(name, "T2_B") for name in names))
    assert ends(decisions) == ["T2_B", "T2_B", NOT_TARGET]
    assert decisions.proposals["detail"][2] == "closed in this cycle: projected occupancy 0.940 is above 0.93"


def test_what_does_not_fit_into_the_quota_is_refused() -> None:
    small = world().site("T2_B", quota=1.9)
    assert ends(decided(small, wish_for(A, "T2_B"))) == [FULL]
    assert ends(decided(small, wish_for(A))) == ["T2_C"]


def test_a_quota_of_zero_is_no_space_and_a_negative_one_no_limit() -> None:
    assert ends(decided(world().quota("T2_B", 0), wish_for(A, "T2_B"))) == [NOT_TARGET]
    endless = world().quota("T2_B", -1).dataset(B, size=500).replica(B, "T1_A").replica(B, "T2_C", complete=False)
    decisions = decided(endless, wish_for(B, "T2_B"), max_total_cycle_volume=1000.0, max_site_pending_fraction=0.03)
    assert ends(decisions) == ["T2_B"]


def test_a_site_without_a_quota_row_has_no_space() -> None:
    assert ends(decided(world().site("T2_D", partition="RelVal"), wish_for(A, "T2_D"))) == [NOT_TARGET]


def test_what_is_there_is_not_placed_again() -> None:
    assert ends(decided(world(), wish_for(A, "T1_A"))) == [EXISTS]
    coming = world().replica(A, "T2_B", complete=False)
    assert ends(decided(coming, wish_for(A, "T2_B"))) == [EXISTS]


def test_placement_rules_forbid_sites() -> None:
    rules = ("dataset.name == /A/*/RAW and site.name == T2_B", "dataset.size > 1e15")
    decisions = decided(world(), wish_for(A, "T2_B"), wish_for(A), placement_rules=rules)
    assert ends(decisions) == [NOT_ALLOWED, "T2_C"]


@pytest.mark.parametrize("rule", ["dataset.nam == x", "blockreplica.owner == DataOps"])
def test_a_placement_rule_that_cannot_be_used_is_an_error(rule: str) -> None:
    with pytest.raises(SettingsError, match="placement_rules, 1"):
        decided(world(), wish_for(A), placement_rules=(rule,))


@pytest.mark.parametrize(
    "wish",
    [
        wish_for("/No/such/RAW", "T2_B"), wish_for(A, "T2_B", blocks=("b9",)), wish_for(A, "T2_B", blocks=()),
        wish_for(A, "T2_B", group="nobody"), wish_for(A, "T9_X"),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_an_invalid_request(wish: object) -> None:
    assert ends(decided(world(), wish)) == [INVALID]  # type: ignore[arg-type]


def test_nowhere_to_go_tells_what_each_site_says() -> None:
    tight = world().site("T2_B", quota=1).site("T2_C", status="WAITROOM")
    decisions = decided(tight, wish_for(A))
    assert ends(decisions) == [NO_DESTINATION]
    assert verdicts(decisions) == {"T1_A": EXISTS, "T2_B": FULL, "T2_C": NOT_TARGET}
    assert verdicts(decided(tight, wish_for(A, "T2_B", "T2_C")))["T1_A"] == NOT_NAMED


def test_tape_is_filled_only_when_named_or_listed() -> None:
    tape = World().site("T1_A").site("T1_A_MSS", kind="MSS").dataset(A).replica(A, "T1_A")
    assert ends(decided(tape, wish_for(A))) == [NO_DESTINATION]
    assert ends(decided(tape, wish_for(A, "T1_A_MSS"))) == ["T1_A_MSS"]
    assert ends(decided(tape, wish_for(A), target_sites=("*", "T*_MSS"))) == ["T1_A_MSS"]
    assert ends(decided(tape, wish_for(A, "T1_A_MSS"), target_sites=("*", "!T*_MSS"))) == [NOT_TARGET]


def many(count: int, size: float = 1.0) -> tuple[World, list[str]]:
    names = [f"/D{number}/x-v1/RAW" for number in range(count)]
    big = World().site("T1_A", quota=1000).site("T2_B", quota=1000)
    for name in names:
        big.dataset(name, size=size).replica(name, "T1_A")
    return big, names


def test_the_volume_of_a_cycle_is_held() -> None:
    big, names = many(5)
    decisions = decided(big, *(wish_for(name) for name in names), max_total_cycle_volume=3.0)
    assert ends(decisions) == ["T2_B"] * 3 + [CYCLE_VOLUME] * 2
    assert decisions.refusals() == {"test": {CYCLE_VOLUME: 2}}


def test_the_volume_of_a_plugin_is_held_and_leaves_room_for_others() -> None:
    big, names = many(5)
    wishes = [wish_for(name, plugin="greedy") for name in names[:4]] + [wish_for(names[4], plugin="modest")]
    decisions = decided(big, *wishes, plugin_volumes={"greedy": 2.0})
    assert ends(decisions) == ["T2_B", "T2_B", PLUGIN_VOLUME, PLUGIN_VOLUME, "T2_B"]


def test_a_plugin_of_priority_zero_excludes_all_others() -> None:
    big, names = many(2)
    wishes = [wish_for(names[0], plugin="first"), wish_for(names[1], plugin="other")]
    decisions = decided(big, *wishes, plugin_priorities={"first": 0.0})
    assert ends(decisions) == ["T2_B", EXCLUDED]
    assert ends(decided(big, wishes[1], plugin_priorities={"first": 0.0})) == ["T2_B"]


def test_important_plugins_are_drawn_earlier_and_each_keeps_its_order() -> None:
    big, names = many(40, size=0.1)
    wishes = [wish_for(name, plugin="high" if number % 2 else "low") for number, name in enumerate(names)]
    places = {"high": 0.0, "low": 0.0}
    for seed in range(5):
        drawn = decided(big, *wishes, seed=seed, plugin_priorities={"high": 1.0, "low": 9.0}).proposals
        for plugin in places:
            turns = drawn.filter(drawn["plugin"] == plugin)["drawn"]
            assert turns.is_sorted()
            places[plugin] += float(turns.mean())  # type: ignore[arg-type]
    assert places["high"] < places["low"]


@pytest.mark.parametrize("order", [("low", "high"), ("high", "low")])
@pytest.mark.parametrize("seed", range(4))
def test_where_two_want_the_same_the_more_important_owns_it(order: tuple[str, str], seed: int) -> None:
    groups = {"high": "AnalysisOps", "low": "DataOps"}
    wishes = [wish_for(A, "T2_B", plugin=name, cause=name, group=groups[name]) for name in order]
    decisions = decided(world(), *wishes, seed=seed, plugin_priorities={"high": 1.0, "low": 2.0})
    assert ends(decisions) == ["T2_B", "T2_B"]
    assert sorted(decisions.proposals["outcome"].to_list()) == [JOINED, PLACED]
    assert {group for _, _, group, _ in copies(decisions)} == {"AnalysisOps"}
    assert decisions.proposals["volume"].sum() == 2 * TB
    assert decisions.copies["dataset_group"].unique().to_list() == ["AnalysisOps"]


def test_two_that_want_one_copy_anywhere_share_it() -> None:
    decisions = decided(world(), wish_for(A, cause="request 1"), wish_for(A, cause="request 2"))
    assert len(set(ends(decisions))) == 1
    assert decisions.proposals["volume"].sum() == 2 * TB


def test_two_copies_for_one_cause_go_to_different_sites() -> None:
    decisions = decided(world(), wish_for(A), wish_for(A), wish_for(A))
    assert sorted(ends(decisions)[:2]) == ["T2_B", "T2_C"]  # type: ignore[type-var]
    assert ends(decisions)[2] == EXISTS


def test_taking_over_changes_the_owner_of_what_is_there() -> None:
    partly = world().replica(A, "T2_B", group="DataOps", blocks=["b1"])
    decisions = decided(partly, wish_for(A, "T2_B", take_over=("DataOps",)))
    assert copies(decisions) == {
        (f"{A}#b1", "T2_B", "AnalysisOps", "owner"),
        (f"{A}#b2", "T2_B", "AnalysisOps", "copy"),
    }
    assert decisions.proposals["volume"].to_list() == [TB]


def test_changing_owners_costs_no_volume_but_space_in_the_partition() -> None:
    other = world().replica(A, "T2_B", group="DataOps")
    flip = wish_for(A, "T2_B", group="RelVal", flip=True)
    decisions = decided(other, flip, partition="RelVal")
    assert {kind for *_, kind in copies(decisions)} == {"owner"}
    assert decisions.sites.filter(decisions.sites["site"] == "T2_B").select("volume", "after").row(0) == (0, 2 * TB)
    assert ends(decided(other.quota("T2_B", 1.5, "RelVal"), flip, partition="RelVal")) == [FULL]


def test_every_site_is_told_what_was_done_or_why_nothing() -> None:
    decisions = decided(world().site("T2_D", status="WAITROOM").quota("T2_C", 0), wish_for(A, "T2_B"))
    assert dict(decisions.sites.select("site", "verdict").iter_rows()) == {
        "T1_A": "nothing placed: no proposal ended here",
        "T2_B": "2 blocks placed",
        "T2_C": "nothing placed: no quota for the partition",
        "T2_D": "nothing placed: status WAITROOM",
    }


def test_an_unknown_partition_is_named() -> None:
    with pytest.raises(UnknownPartition, match="no partition 'Phys'; there are Physics, RelVal"):
        decided(world(), partition="Phys")


def test_an_empty_inventory_decides_nothing() -> None:
    decisions = decided(World(), wish_for(A))
    assert ends(decisions) == [INVALID]
    assert decisions.sites.is_empty() and decisions.copies.is_empty()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"target_site_occupancy": float("nan")}, "target_site_occupancy"), ({"max_size": -1.0}, "max_size"),
        ({"plugin_priorities": {"x": -1.0}}, "plugin_priorities.x"), ({"block_request_max": 2.0}, "block_request_max"),
        ({"target_sites": ("!",)}, "target_sites"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(values: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        DealerSettings(**values)  # type: ignore[arg-type]
