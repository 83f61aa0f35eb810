"""What-if: what more and what less goes with another policy, quota, status or lock, told by site, dataset, line and replica."""

from __future__ import annotations

import random
from dataclasses import replace

import polars as pl
import pytest

from detox.compare import as_dict, compare
from detox.settings import DetoxSettings
from detox.whatif import CannotCompare, Changes, Inputs, changed
from inventory.policy.facts import Facts
from inventory.policy.model import Policy
from inventory.policy.parser import parse_partitions, parse_policy
from tests.detox.random_cases import NOW as RANDOM_NOW
from tests.detox.random_cases import make_case
from tests.detox.tables import NOW, PARTITIONS, inventory, sites

BASE = """\
Partition All
On always
When site.occupancy > 0.9
Until site.occupancy < 0.5
Protect dataset.name == /keep/*
ProtectBlock blockreplica.is_locked
Dismiss
Order decreasing dataset.last_update
"""
PLACES = sites(T2_A=("READY", 100), T2_B=("READY", 1000), T1_MSS=("READY", 1000))
REPLICAS = """
/keep/x T2_A b1:20
/old/x T2_A b1:30 b2:20
/new/x T2_A b1:25
/new/x T2_B b1:25
/keep/x T1_MSS b1:20
"""


def policy(text: str = BASE) -> Policy:
    return parse_policy(text)


def inputs() -> Inputs:
    return Inputs(
        inventory(PLACES, REPLICAS), policy(), parse_partitions(PARTITIONS), Facts.none(), DetoxSettings(), NOW
    )


def compared(changes: Changes):
    before = inputs()
    after = changed(before, changes)
    return compare(before.decide(), after.decide(), (before.policy, after.policy))


def replicas(frame: pl.DataFrame) -> list[str]:
    return [
        f"{row['site']} {row['dataset']} {row['num_blocks']}: {row['before']} → {row['after']}"
        for row in frame.iter_rows(named=True)
    ]


def test_nothing_differs_when_nothing_is_changed() -> None:
    found = compared(Changes(policy=policy(BASE + "\n# a remark")))
    assert (found.same(), found.lines.height, found.frame("site").height) == (True, 0, 0)
    assert found.total()["deleted_before"] == found.total()["deleted_after"] == 50


def test_another_line_of_the_policy_moves_what_it_matches() -> None:
    text = BASE.replace(
        "Protect dataset.name == /keep/*", "Protect dataset.name == /old/*\nProtect dataset.name == /keep/*"
    )
    found = compared(Changes(policy=policy(text)))
    assert replicas(found.replicas) == ["T2_A /new/x 1: kept → deleted", "T2_A /old/x 2: deleted → protected"]
    assert found.replicas["line_before"].to_list() == ["Dismiss", "Dismiss"]
    assert found.replicas["line_after"].to_list() == ["Dismiss", "Protect dataset.name == /old/*"]
    assert found.total() == {
        "more": 25, "less": 50, "num_blocks": 3, "deleted_before": 50, "deleted_after": 25, "kept_before": 50,
        "kept_after": 25, "protected_before": 40, "protected_after": 90,
    }  # fmt: skip


def test_lines_are_known_by_their_text_whatever_their_number() -> None:
    text = BASE.replace(
        "Protect dataset.name == /keep/*", "Protect dataset.name == /old/*\nProtect  dataset.name  == /keep/*"
    )
    lines = {row["line"]: row for row in compared(Changes(policy=policy(text))).lines.iter_rows(named=True)}
    assert set(lines) == {"Protect dataset.name == /old/*", "Dismiss"}, "the line on /keep/* takes what it took before"
    assert (lines["Dismiss"]["deleted_before"], lines["Dismiss"]["deleted_after"]) == (50, 25)
    assert (lines["Dismiss"]["kept_before"], lines["Dismiss"]["kept_after"]) == (50, 25)
    added = lines["Protect dataset.name == /old/*"]
    assert (added["protected_before"], added["protected_after"]) == (0, 50)


def test_a_larger_quota_keeps_and_a_smaller_one_deletes() -> None:
    found = compared(Changes(quotas=(("T2_A", 1000), ("T2_B", 20))))
    assert replicas(found.replicas) == ["T2_A /old/x 2: deleted → kept", "T2_B /new/x 1: kept → deleted"]
    rows = {row["site"]: row for row in found.sites.iter_rows(named=True)}
    assert (rows["T2_A"]["quota_before"], rows["T2_A"]["quota_after"], rows["T2_A"]["less"]) == (100, 1000, 50)
    assert (rows["T2_B"]["occupied_before"], rows["T2_B"]["occupied_after"], rows["T2_B"]["more"]) == (25, 0, 25)
    assert found.frame("site")["site"].to_list() == ["T2_A", "T2_B"]


def test_the_quota_of_a_union_counts_for_all_its_parts_together() -> None:
    definitions = parse_partitions(f"{PARTITIONS}\nBoth: [All, Ops]")
    before = replace(inputs(), partitions=definitions, policy=policy(BASE.replace("Partition All", "Partition Both")))
    assert before.decide().sites.filter(site="T2_A")["quota"].item() == 200
    after = changed(before, Changes(quotas=(("T2_*", 70),)))
    assert after.decide().sites.sort("site")["quota"].to_list() == [2000, 70, 70]


def test_a_site_of_another_status() -> None:
    text = BASE.replace("When site.occupancy > 0.9", "When site.status == MORGUE")
    base = replace(inputs(), policy=policy(text))
    after = changed(base, Changes(statuses=(("T2_B", "MORGUE"),)))
    found = compare(base.decide(), after.decide(), (base.policy, after.policy))
    assert replicas(found.replicas) == ["T2_B /new/x 1: kept → deleted"]


def test_locks_are_set_and_lifted() -> None:
    found = compared(Changes(locks=(("/old/x#b1", "T2_*", ""),)))
    assert replicas(found.replicas) == ["T2_A /new/x 1: kept → deleted", "T2_A /old/x 1: deleted → protected"]
    locked = changed(inputs(), Changes(locks=(("/old/*", "", ""), ("/new/x", "T2_A", "Ana"))))
    assert locked.facts.locked.height == 3
    lifted = changed(locked, Changes(unlocks=(("/old/x", "T2_A", ""),)))
    assert lifted.facts.locked.height == 1


def test_a_policy_for_more_sites_looks_at_what_was_not_looked_at() -> None:
    base = replace(inputs(), policy=policy(BASE.replace("On always", "On site.name == T2_B")))
    after = changed(base, Changes(policy=policy()))
    found = compare(base.decide(), after.decide(), (base.policy, after.policy))
    assert "T2_A /old/x 2: not looked at → deleted" in replicas(found.replicas)
    rows = {row["site"]: row for row in found.sites.iter_rows(named=True)}
    assert (rows["T2_A"]["deleted_before"], rows["T2_A"]["more"]) == (0, 50)


def test_every_mistake_is_told_at_once() -> None:
    wrong = Changes(
        policy=policy(BASE.replace("Partition All", "Partition Ops")), quotas=(("T2_C", 1),),
        statuses=(("T2_D*", "READY"),), locks=(("/no/such", "T9", "Nobody"), ("", "", "")),
    )  # fmt: skip
    with pytest.raises(CannotCompare) as caught:
        changed(inputs(), wrong)
    told = caught.value.mistakes
    assert len(told) == 7
    for text in (
        "'T2_C' (did you mean T2_",
        "'T2_D*'",
        "site 'T9'",
        "group 'Nobody'",
        "dataset '/no/such'",
        "a lock needs",
        "'Ops'",
    ):
        assert any(text in mistake for mistake in told), text


def test_as_plain_data_long_lists_are_cut_and_counted() -> None:
    told = as_dict(compared(Changes(quotas=(("T2_A", 1000), ("T2_B", 20)))), limit=1)
    assert told["counts"] == {"sites": 2, "datasets": 2, "lines": 1, "replicas": 2}
    assert (len(told["datasets"]), len(told["replicas"]), len(told["sites"])) == (1, 1, 2)
    assert told["datasets"][0] == {
        "dataset": "/old/x", "more": 0, "less": 50, "other": 0, "num_sites": 1, "num_blocks": 2
    }  # fmt: skip


@pytest.mark.slow
def test_sums_agree_with_the_decisions_on_random_inventories() -> None:
    rng = random.Random(5)
    differing = 0
    for _ in range(60):
        first, other = make_case(rng), make_case(rng)
        before = Inputs(first.snapshot, first.policy, first.definitions, first.facts, DetoxSettings(), RANDOM_NOW)
        swapped = replace(before, policy=replace(other.policy, partition=first.policy.partition))
        decisions = before.decide(), swapped.decide()
        found = compare(*decisions, (before.policy, swapped.policy))
        gone = [
            set(one.image.filter(pl.col("decision") == "deleted").select("block_id", "site_id").rows())
            for one in decisions
        ]
        sizes = {row[:2]: row[2] for one in decisions for row in one.image.select("block_id", "site_id", "size").rows()}
        total = found.total()
        assert total["more"] == sum(sizes[key] for key in gone[1] - gone[0])
        assert total["less"] == sum(sizes[key] for key in gone[0] - gone[1])
        assert total["deleted_after"] - total["deleted_before"] == total["more"] - total["less"]
        assert found.datasets["num_blocks"].sum() == found.replicas["num_blocks"].sum() == total["num_blocks"]
        differing += not found.same()
    assert differing > 20
