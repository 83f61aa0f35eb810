"""The linter tells what is allowed and yet probably not meant, and is silent about good files."""

from __future__ import annotations

import pytest

from inventory.policy.linter import KnownNames, LintWarning, lint
from inventory.policy.parser import parse_policy
from tests.inventory.policy.samples import POLICY, policy

NOW = 1700000000
KNOWN = KnownNames(
    frozenset({"T1_US_FNAL_Disk", "T2_CH_CERN"}), frozenset({"None", "AnalysisOps", "IB RelVal"}), frozenset({"P"})
)


def remarks(text: str, known: KnownNames | None = None) -> list[LintWarning]:
    return lint(parse_policy(text), known, NOW)


def test_a_good_policy_has_no_remarks() -> None:
    assert remarks(POLICY) == []
    assert remarks(policy("Protect site.name == T2_*", "Protect blockreplica.owner == None"), KNOWN) == []


@pytest.mark.parametrize(("line", "column", "what"), [
    ("Protect dataset.usage_rank == 3", 9, "hardly ever equal"),
    ("Protect site.name == T2_CH_CERM", 9, "no site 'T2_CH_CERM' exists (did you mean T2_CH_CERN?)"),
    ("Protect site.name in [T2_* T3_*]", 9, "no site 'T3_*' exists"),
    ("Protect blockreplica.owner == Analysis", 9, "no group 'Analysis' exists (did you mean AnalysisOps?)"),
    ("Protect dataset.name in []", 9, "an empty list: never true"),
    ("Protect dataset.name notin []", 9, "an empty list: always true"),
    ("Protect dataset.name =~ /*/*/RAW", 9, "looks like a glob"),
    ("Protect dataset.name == /.*/RAW", 9, "looks like a regular expression"),
    ("Protect dataset.name == /a/b/c d", 9, "holds no blanks"),
    ("Protect replica.incomplete until 2020-01-01", 9, "is past"),
    ("Protect replica.incomplete until 3 days ago", 9, "is past"),
    ("Protect replica.incomplete from 3 days ago", 9, "moves along"),
    ("Protect dataset.on_tape == FULL and dataset.on_tape == NONE", 37, "at once"),
])  # fmt: skip
def test_a_line_is_remarked_on(line: str, column: int, what: str) -> None:
    found = remarks(policy(line), KNOWN)
    assert (found[0].line, found[0].column) == (5, column)
    assert what in found[0].what


@pytest.mark.parametrize("lines", [
    ("Protect dataset.size > 3", "Dismiss dataset.size > 3"),
    ("Protect dataset.size > 3", "DismissBlock dataset.size > 5 and blockreplica.is_locked"),
    ("Protect replica.incomplete", "Protect dataset.on_tape == FULL and replica.incomplete"),
    ("ProtectBlock blockreplica.is_locked", "DeleteBlock blockreplica.is_locked and dataset.size > 1"),
    ("Protect replica.size < 5", "Protect replica.size < 4"),
])  # fmt: skip
def test_a_line_that_never_decides(lines: tuple[str, str]) -> None:
    found = remarks(policy(*lines))
    assert [warning.line for warning in found] == [6]
    assert "line 5" in found[0].what


@pytest.mark.parametrize("lines", [
    ("Protect dataset.size > 3 until 2030-01-01", "Dismiss dataset.size > 3"),
    ("Protect dataset.size > 3", "Dismiss dataset.size > 2"),
    ("Protect dataset.size > 3", "Dismiss dataset.size < 5"),
    ("Protect dataset.size > 3 and replica.incomplete", "Dismiss dataset.size > 3"),
    ("ProtectBlock blockreplica.is_locked", "Protect blockreplica.is_locked"),
    ("Protect replica.incomplete", "DeleteBlock blockreplica.is_locked", "Dismiss replica.incomplete"),
])  # fmt: skip
def test_a_line_that_may_still_decide(lines: tuple[str, ...]) -> None:
    assert remarks(policy(*lines)) == []


def test_what_concerns_the_file_as_a_whole() -> None:
    assert "deletes whatever" in remarks(policy(default="Delete"))[0].what
    assert "no partition 'P' exists" in remarks(policy(), KnownNames(partitions=frozenset({"Physics"})))[0].what
    late = remarks("Protect\n" + policy("Dismiss dataset.size > 1", default=""))
    assert (late[0].line, late[0].what) == (6, "stands after the default decision, which still comes last")
    static = remarks(policy("Dismiss dataset.num_full_copy > 1", "Protect dataset.num_full_copy > 0") + "\nAlgo Static")
    assert [(warning.line, "one pass" in warning.what) for warning in static] == [(5, True)]


def test_a_stop_above_its_trigger() -> None:
    head = "Partition P\nOn always\nWhen site.occupancy > 0.8\nUntil site.occupancy < 0.9"
    found = remarks(policy(head=head))
    assert (found[0].line, "stops at 0.9 before its trigger at 0.8" in found[0].what) == (4, True)
    assert "hardly ever equal" in remarks(policy(head=head.replace("> 0.8", "== 0.8")))[0].what
