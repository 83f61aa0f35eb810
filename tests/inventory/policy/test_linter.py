"""The linter tells what is allowed and yet probably not meant, and is silent about good files."""

from __future__ import annotations

import pytest

from inventory.policy.lint.conditions import KnownNames
from inventory.policy.lint.findings import CODES, Finding
from inventory.policy.lint.policies import lint
from inventory.policy.parser import parse_policy
from tests.inventory.policy.samples import POLICY, policy

NOW = 1700000000
KNOWN = KnownNames(
    frozenset({"T1_US_FNAL_Disk", "T2_CH_CERN"}), frozenset({"None", "AnalysisOps", "IB RelVal"}), frozenset({"P"})
)


def remarks(text: str, known: KnownNames | None = None) -> list[Finding]:
    return lint(parse_policy(text), known, NOW)


def test_a_good_policy_has_no_remarks() -> None:
    assert remarks(POLICY) == []
    assert remarks(policy("Protect site.name == T2_*", "Protect blockreplica.owner == None"), KNOWN) == []


@pytest.mark.parametrize(("line", "column", "what"), [
    ("Protect dataset.usage_rank == 3", 9, "hardly ever equal"),
    ("Protect site.name == T2_CH_CERM", 9, "no site is called 'T2_CH_CERM' (did you mean T2_CH_CERN?)"),
    ("Protect site.name in [T2_* T3_*]", 9, "no site matches 'T3_*'"),
    ("Protect blockreplica.owner == Analysis", 9, "no group is called 'Analysis' (did you mean AnalysisOps?)"),
    ("Protect dataset.name in []", 9, "an empty list: never true"),
    ("Protect dataset.name notin []", 9, "an empty list: always true"),
    ("Protect dataset.name =~ /*/*/RAW", 9, "looks like a glob"),
    ("Protect dataset.name == /.*/RAW", 9, "looks like a regular expression"),
    ("Protect dataset.name == /a/b/c d", 9, "holds no blanks"),
    ("Protect replica.incomplete until 2020-01-01", 9, "is past"),
    ("Protect replica.incomplete until 3 days ago", 9, "is past"),
    ("Protect replica.incomplete from 3 days ago", 9, "moves along"),
    ("Protect dataset.on_tape == FULL and dataset.on_tape == NONE", 1, "contradict each other"),
])  # fmt: skip
def test_a_line_is_remarked_on(line: str, column: int, what: str) -> None:
    found = remarks(policy(line), KNOWN)
    assert [(one.line, one.column) for one in found if what in one.what] == [(5, column)]


def test_what_concerns_the_file_as_a_whole() -> None:
    assert "DL402" in [one.code for one in remarks(policy(default="Delete"))]
    assert "no partition 'P' exists" in remarks(policy(), KnownNames(partitions=frozenset({"Physics"})))[0].what
    late = remarks("Protect\n" + policy("Dismiss dataset.size > 1", default=""))
    assert (late[0].line, late[0].code) == (6, "DL104")
    static = remarks(policy("Dismiss dataset.num_full_copy > 1", "Protect dataset.num_full_copy > 0") + "\nAlgo Static")
    assert [(one.line, one.code) for one in static] == [(5, "DL401"), (6, "DL401")]


def test_a_stop_above_its_trigger() -> None:
    head = "Partition P\nOn always\nWhen site.occupancy > 0.8\nUntil site.occupancy < 0.9"
    found = remarks(policy(head=head))
    assert [(one.line, one.code) for one in found] == [(4, "DL403")]
    assert "DL108" in [one.code for one in remarks(policy(head=head.replace("> 0.8", "== 0.8")))]
    assert remarks(policy(head=head.replace("0.9", "0.8"))) == []


@pytest.mark.parametrize(("head", "code", "line"), [
    ("On site.name == T2_*\nOn site.name == T2_A*\nWhen site.occupancy > 0.9\nUntil site.occupancy < 0.8", "DL406", 3),
    ("On always\nWhen site.occupancy > 0.9\nWhen site.occupancy > 0.95\nUntil site.occupancy < 0.8", "DL406", 4),
    ("On always\nWhen never\nUntil never", "DL405", 3),
    ("On always\nWhen site.status == MORGUE\nUntil site.occupancy < 0.8", "DL403", 4),
])  # fmt: skip
def test_sites_against_each_other(head: str, code: str, line: int) -> None:
    assert [(one.code, one.line) for one in remarks(policy(head=f"Partition P\n{head}"))] == [(code, line)]


@pytest.mark.parametrize(("line", "code"), [
    ("Protect site.name == T1_A and dataset.size > 3", "DL103"), ("Protect dataset.size > 3 and dataset.size < 2", "DL102"),
    ("Protect dataset.num_full_copy > 0 and dataset.num_full_copy < 1", "DL102"),
    ("Protect dataset.name == /a/* and dataset.name == /b/*", "DL102"), ("Protect dataset.size > -1", "DL105"),
    ("Protect dataset.name == *", "DL105"), ("Protect dataset.on_tape in [FULL NONE PARTIAL]", "DL105"),
    ("Protect replica.incomplete from 2030-01-01", "DL202"), ("Protect replica.incomplete from 2031-01-01 until 2030-01-01", "DL204"),
])  # fmt: skip
def test_codes_of_lines(line: str, code: str) -> None:
    head = "Partition P\nOn site.name == T2_*\nWhen site.occupancy > 0.9\nUntil site.occupancy < 0.8"
    assert [(one.code, one.line) for one in remarks(policy(line, head=head))] == [(code, 5)]


def test_keys_of_order_without_effect() -> None:
    order = "Order increasing replica.size increasing dataset.size decreasing replica.size"
    assert [one.what for one in remarks(policy(order=order))] == ["replica.size orders a second time"]
    assert [one.code for one in remarks(policy(default="Protect", order="Order increasing replica.size"))] == ["DL404"]


def test_every_finding_tells_what_to_do() -> None:
    for code in CODES.values():
        assert code.severity in ("error", "warning", "note")
        assert code.advice
