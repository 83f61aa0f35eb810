"""Enforcer rules: reading them, what they propose, what they protect, where they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dealer.engine import decide
from dealer.monitor import rule_standing
from dealer.plugins.enforcer import protected, rule_proposals
from dealer.plugins.protocol import View
from dealer.plugins.rulebook import Rule, RulesError, parse_rules, rules_in_force
from dealer.results import Decisions
from dealer.settings import DealerSettings
from dealer.sites import sites_of
from inventory.policy import versions
from tests.dealer.makers import NOW, OPEN, World, copies

A, B = "/A/x-v1/RAW", "/B/x-v1/RAW"
# As an installation has it for its release validation samples.
RULE = {
    "replicas": ["blockreplica.owner == RelVal"],
    "num_copies": 1,
    "destinations": ["site.name in [T1_US_FNAL_Disk T2_CH_CERN]"],
    "sources": ["site.storage_type == DISK and site.name notin [T1_US_FNAL_Disk T2_CH_CERN]"],
}


def document(**rule: Any) -> dict[str, Any]:
    return {"partition": "RelVal", "default_destination_group": "RelVal", "rules": {"r": {**RULE, **rule}}}


def rules(**rule: Any) -> list[Rule]:
    return parse_rules(json.dumps(document(**rule)), "enforcer_x.json")


def world() -> World:
    made = World().site("T1_US_FNAL_Disk").site("T2_CH_CERN").site("T2_X")
    return made.dataset(A, blocks=2).dataset(B)


def decided(made: World, rule: Rule) -> Decisions:
    chosen = DealerSettings(**OPEN)  # type: ignore[arg-type]
    snapshot = made.snapshot()
    view = View(snapshot, "RelVal", sites_of(snapshot, "RelVal", chosen, NOW), chosen, NOW)
    return decide(snapshot, "RelVal", rule_proposals(view, rule), chosen, 1, NOW)


def test_a_rule_copies_what_is_not_at_its_destinations() -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(B, "T2_X", group="AnalysisOps")
    decisions = decided(made, rules()[0])
    assert {row[0] for row in copies(decisions)} == {f"{A}#b1", f"{A}#b2"}
    assert set(decisions.copies["site"]) <= {"T1_US_FNAL_Disk", "T2_CH_CERN"}
    assert set(decisions.copies["group"]) == {"RelVal"}


def test_a_full_copy_under_another_owner_changes_hands_instead() -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(A, "T2_CH_CERN", group="AnalysisOps")
    decisions = decided(made, rules()[0])
    assert copies(decisions) == {(f"{A}#{block}", "T2_CH_CERN", "RelVal", "owner") for block in ("b1", "b2")}
    assert decisions.sites["volume"].sum() == 0


def test_a_second_copy_is_made_beside_the_one_that_changes_hands() -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(A, "T2_CH_CERN", group="AnalysisOps")
    decisions = decided(made, rules(num_copies=2)[0])
    assert {(site, kind) for _, site, _, kind in copies(decisions)} == {
        ("T2_CH_CERN", "owner"), ("T1_US_FNAL_Disk", "copy"),
    }  # fmt: skip


@pytest.mark.parametrize("complete", [True, False])
def test_copies_that_are_there_or_coming_count(complete: bool) -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(A, "T2_CH_CERN", group="RelVal", complete=complete)
    assert decided(made, rules()[0]).proposals.is_empty()


def test_a_copy_at_a_dead_site_does_not_count() -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(A, "T2_CH_CERN", group="RelVal")
    made.site("T2_CH_CERN", status="MORGUE")
    assert set(decided(made, rules()[0]).copies["site"]) == {"T1_US_FNAL_Disk"}


def test_what_is_only_partly_there_is_not_a_full_copy() -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(A, "T2_CH_CERN", group="AnalysisOps", blocks=["b1"])
    assert {kind for *_, kind in copies(decided(made, rules()[0]))} == {"copy"}


def test_conditions_of_a_rule_are_alternatives() -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(B, "T2_X", group="RelVal")
    either = rules(replicas=["dataset.name == /B/*", "dataset.name == /C/*"])[0]
    assert set(decided(made, either).copies["dataset"]) == {B}


def test_protected_are_full_copies_of_rules_that_say_so() -> None:
    made = world().replica(A, "T2_X", group="RelVal").replica(A, "T2_CH_CERN", group="RelVal")
    made.replica(B, "T2_X", group="RelVal").replica(B, "T1_US_FNAL_Disk", group="RelVal", complete=False)
    snapshot = made.snapshot()
    site = snapshot.row("sites", "T2_CH_CERN")
    dataset = snapshot.row("datasets", A)
    assert site is not None and dataset is not None
    assert protected(snapshot, rules(protect=True)).rows() == [(dataset["dataset_id"], site["site_id"])]
    assert protected(snapshot, rules()).is_empty()


def test_a_rule_of_an_unknown_partition_protects_nothing() -> None:
    text = json.dumps({**document(protect=True), "partition": "Other"})
    assert protected(world().snapshot(), parse_rules(text)).is_empty()


def test_where_rules_stand() -> None:
    third = "/C/x-v1/RAW"
    made = world().dataset(third).replica(third, "T2_X", group="RelVal")
    made.replica(A, "T2_X", group="RelVal").replica(A, "T2_CH_CERN", group="RelVal")
    made.replica(B, "T2_X", group="RelVal").replica(B, "T1_US_FNAL_Disk", group="RelVal", complete=False)
    standing = rule_standing(made.snapshot(), rules(), DealerSettings(), NOW)[0]
    assert [standing[name] for name in ("fulfilled", "en_route", "missing")] == [1, 1, 1]
    assert standing["datasets"] == {"en_route": [B], "missing": [third]}


def test_a_rule_file_of_production_loads() -> None:
    (rule,) = rules()
    assert (rule.partition, rule.group, rule.num_copies, rule.protect) == ("RelVal", "RelVal", 1, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "enforcer_x.json: not JSON"), ("[]", "enforcer_x.json: the whole: an object is expected"),
        ('{"partition": "P", "partition": "Q", "rules": {}}', "'partition' is there twice"),
        ("[" * 5000, "not JSON"),
        (json.dumps({"partition": "P"}), "the whole: rules is missing"),
        (json.dumps({**document(), "partiton": "x"}), "partiton: no such key (did you mean partition?)"),
        (json.dumps(document(num_copies=0)), "rules.r.num_copies: 0 is less than 1"),
        (json.dumps(document(num_copies=True)), "rules.r.num_copies: a number is expected"),
        (json.dumps(document(sources=[])), "rules.r.sources: at least one condition is expected"),
        (json.dumps(document(replicas=[1])), "rules.r.replicas[0]: a condition (a text) is expected"),
        (json.dumps(document(destinations=["site.nam == x"])), "enforcer_x.json: rules.r.destinations[0]:1:1: unknown variable site.nam"),
        (json.dumps(document(sources=["blockreplica.owner == x"])), "rules.r.sources[0]"),
        (json.dumps({"partition": "P", "rules": {"r": RULE}}), "rules.r: no destination_group"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_and_place(text: str, expected: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(text, "enforcer_x.json")
    assert expected in str(caught.value)


@pytest.mark.django_db
def test_all_mistakes_of_all_files_are_told(tmp_path: Path, settings) -> None:
    settings.POLICY_DIR = tmp_path
    (tmp_path / "enforcer_a.json").write_text(json.dumps(document(num_copies=0, sources=[])))
    (tmp_path / "enforcer_b.json").write_bytes(b"\xff")
    (tmp_path / "other.json").write_text("{")
    with pytest.raises(RulesError) as caught:
        rules_in_force(("enforcer*.json",))
    assert len(caught.value.mistakes) == 3


@pytest.mark.django_db
def test_rules_of_all_files_are_read(tmp_path: Path, settings) -> None:
    settings.POLICY_DIR = tmp_path
    for letter in "ba":
        (tmp_path / f"enforcer_{letter}.json").write_text(json.dumps(document()))
    assert [rule.name for rule in rules_in_force(("enforcer*.json", "enforcer_a.json"), record=True)] == ["r", "r"]
    settings.POLICY_DIR = tmp_path / "none"
    # A directory that is not mounted takes no protection away.
    assert [rule.name for rule in rules_in_force(("*.json",))] == ["r", "r"]
    versions.retire("enforcer_a.json", "ann")
    assert len(rules_in_force(("*.json",))) == 1
