"""Where the linter says that a line never matches, no world has a replica that it matches; and it does say so."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.policy.lint.globs import matches, no_text
from inventory.policy.lint.policies import lint
from inventory.policy.lint.reach import Budget, unreachable
from inventory.policy.parser import parse_policy
from inventory.policy.variables import VARIABLES, variables_for
from tests.detox.plain import world_of
from tests.detox.plain_partition import Partitions
from tests.detox.random_cases import NOW, OPERATORS, make_case, predicate
from tests.inventory.policy.samples import policy

ACTIONS = ("Ignore", "Protect", "Delete", "Dismiss", "ProtectBlock", "DeleteBlock", "DismissBlock")
VOLATILE = (
    "dataset.on_tape",
    "dataset.num_full_copy",
    "replica.size",
    "replica.incomplete",
    "dataset.has_incomplete_replica",
)
BLOCKS = ("blockreplica.owner", "blockreplica.is_locked", "blockreplica.last_update", "blockreplica.on_tape")
LATER = (0, 1, 86_400 * 3, 86_400 * 40, 86_400 * 366 * 7)


def likely_covered(rng: random.Random, partition: str) -> str:
    """A policy of few variables and lines that are made of each other, so that many never match."""
    names = [*rng.sample(sorted(variables_for("replica")), 2), rng.choice(VOLATILE), rng.choice(BLOCKS)]
    pool = [predicate(rng, name, rng.choice(OPERATORS[VARIABLES[name].type])) for name in names for _ in range(3)]
    lines = []
    for _ in range(rng.randint(2, 7)):
        chosen = rng.sample(pool, rng.choice([1, 1, 2, 3]))
        date = rng.choice(
            ["", "", "", " until 2030-01-01", " from 2023-01-01", " until 2023-01-01", " from 2 days ago"]
        )
        lines.append(f"{rng.choice(ACTIONS)} {' and '.join(chosen)}{date}")
    on = rng.choice(
        [
            "always",
            "site.name == *",
            "site.name in [T1_A_Disk T2_B]",
            "site.storage_type == DISK",
            "site.occupancy > 0.3",
        ]
    )
    return policy(*lines, head=f"Partition {partition}\nOn {on}\nWhen always\nUntil never")


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32))
def test_what_never_matches_matches_nothing_in_any_world(seed: int) -> None:
    rng = random.Random(seed)
    case = make_case(rng)
    parsed = parse_policy(likely_covered(rng, case.policy.partition))
    found = unreachable(parsed, NOW, Budget())
    for later in LATER if found else ():
        world = world_of(case.snapshot, parsed, Partitions(case.definitions), case.facts, NOW + later)
        for dataset in world.datasets.values():
            for replica in dataset.replicas.values():
                taken = {line.number for line in world.decide(parsed, replica).values()}
                assert not taken & set(found), (parsed.text, found, later)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.text("ab*?[]!-/", max_size=5), min_size=1, max_size=2).map(tuple), max_size=3).map(tuple),
    st.lists(st.text("ab*?[]!-/", max_size=5), max_size=3).map(tuple), st.lists(st.text("ab/]-[!", max_size=5), max_size=30),
)  # fmt: skip
def test_globs_that_leave_no_text_leave_none(
    wanted: tuple[tuple[str, ...], ...], unwanted: tuple[str, ...], texts: list[str]
) -> None:
    if no_text(wanted, unwanted):
        for text in texts:
            inside = all(any(matches(one, text) for one in patterns) for patterns in wanted)
            assert not inside or any(matches(one, text) for one in unwanted), text


@pytest.mark.parametrize(("wanted", "unwanted", "none"), [
    ((("/*/*/RAW",),), ("/*/RAW",), True), ((("a*",), ("*b",)), ("a*b",), True), ((("a*",), ("*a",)), ("a*a",), False),
    ((("a*",), ("b*",)), (), True), ((("*x*", "y"),), ("*x*",), False), ((("a?",),), ("a[!b]*", "a[a-c]*"), True),
    ((("**a",),), ("*a",), True), ((("?*",),), ("*?",), True), ((), ("*",), True), ((("*ab*",), ("*ba*",)), ("*aba*", "*bab*"), False),
    (((),), (), True), ((("/*UL*/*",),), ("*U*",), True), ((("a", "b"),), ("?",), True),
])  # fmt: skip
def test_globs(wanted: tuple, unwanted: tuple[str, ...], none: bool) -> None:
    assert no_text(wanted, unwanted) is none


NEVER = {
    "the same": ("Protect dataset.size > 3", "Dismiss dataset.size > 3"),
    "narrower": ("Protect dataset.size > 3", "DismissBlock dataset.size > 5 and blockreplica.is_locked"),
    "one predicate more": ("Protect replica.incomplete", "Protect dataset.on_tape == FULL and replica.incomplete"),
    "of blocks": ("ProtectBlock blockreplica.is_locked", "DeleteBlock blockreplica.is_locked and dataset.size > 1"),
    "blocks that are gone": ("ProtectBlock blockreplica.is_locked", "Protect blockreplica.is_locked"),
    "some block, twice": ("Protect blockreplica.is_locked and blockreplica.owner == A", "Ignore blockreplica.owner == A and blockreplica.is_locked and dataset.size > 1"),
    "two complete each other": ("Protect replica.incomplete", "Protect not replica.incomplete", "Dismiss dataset.size > 1"),
    "some block, and some block not": ("Protect blockreplica.is_locked", "Protect not blockreplica.is_locked", "Dismiss replica.size > 1"),
    "named values, exhausted": ("Protect dataset.on_tape in [NONE PARTIAL]", "Protect dataset.on_tape == FULL", "Dismiss replica.size > 1"),
    "ranges that meet": ("Protect dataset.num_full_copy < 2", "Ignore dataset.num_full_copy > 1", "Dismiss dataset.size > 1"),
    "counts are whole": ("Protect dataset.num_full_copy == 0", "Ignore dataset.num_full_copy > 0.5", "Dismiss dataset.size > 1"),
    "times": ("Protect dataset.last_update older_than 30 days ago", "Dismiss dataset.last_update older_than 3 months ago"),
    "a list within a list": ("Protect site.name in [T1_* T2_A]", "Dismiss site.name in [T2_A T1_B]"),
    "a glob within a glob": ("Protect dataset.name == /*/*/RAW*", "Dismiss dataset.name == /Run?/*/RAW"),
    "texts, parted": ("Protect dataset.name == /*/RAW", "Ignore dataset.name != /*/RAW", "Dismiss dataset.size > 1"),
    "after a `from` that is past": ("Protect dataset.size > 1 from 2020-01-01", "Dismiss dataset.size > 2"),
    "until the same date": ("Protect dataset.size > 1 until 2030-01-01", "Dismiss dataset.size > 2 until 2029-01-01"),
    "before blocks leave": ("Protect dataset.size > 1", "DeleteBlock blockreplica.is_locked", "Dismiss dataset.size > 1"),
    "whole replicas, by a block line": ("ProtectBlock replica.incomplete", "Protect replica.incomplete"),
    "the same regular expression": ("Protect dataset.name =~ /a.*", "Dismiss dataset.name =~ /a.* and dataset.size > 1"),
    "a line above on other terms": ("Protect dataset.size > 9", "Protect dataset.size < 4", "Dismiss dataset.size > 10"),
}  # fmt: skip


@pytest.mark.parametrize("lines", NEVER.values(), ids=NEVER)
def test_a_line_that_never_decides(lines: tuple[str, ...]) -> None:
    found = lint(parse_policy(policy(*lines)), None, NOW)
    assert [(one.code, one.line) for one in found] == [("DL101", 4 + len(lines))]


MAYBE = {
    "another date": ("Protect dataset.size > 3 until 2030-01-01", "Dismiss dataset.size > 3"),
    "wider": ("Protect dataset.size > 3", "Dismiss dataset.size > 2"),
    "elsewhere": ("Protect dataset.size > 3", "Dismiss dataset.size < 5"),
    "narrower above": ("Protect dataset.size > 3 and replica.incomplete", "Dismiss dataset.size > 3"),
    "after blocks left": ("Protect not replica.incomplete", "DeleteBlock blockreplica.is_locked", "Dismiss not replica.incomplete"),
    "after blocks left, counted": ("Protect dataset.on_tape != FULL", "DeleteBlock blockreplica.is_locked", "Dismiss dataset.on_tape != FULL"),
    "some block each": ("ProtectBlock blockreplica.is_locked and blockreplica.owner == A", "Protect blockreplica.is_locked and blockreplica.owner == A"),
    "times that move against each other": ("Protect dataset.last_update older_than 90 days ago", "Dismiss dataset.last_update older_than 3 months ago"),
    "dates that will be": ("Protect dataset.last_update older_than 2 years ago", "Dismiss dataset.last_update older_than 2030-01-01"),
    "not in both": ("Protect dataset.name == /*UL*/*", "Dismiss dataset.name == /*U*/*"),
    "two owners of one replica": ("Protect blockreplica.owner == A and blockreplica.owner == B", "Dismiss blockreplica.owner == A"),
    "between": ("Protect dataset.size > 9", "Protect dataset.size < 4", "Dismiss dataset.size > 5"),
}  # fmt: skip


@pytest.mark.parametrize("lines", MAYBE.values(), ids=MAYBE)
def test_a_line_that_may_still_decide(lines: tuple[str, ...]) -> None:
    assert unreachable(parse_policy(policy(*lines)), NOW, Budget()) == {}


def test_the_lines_that_are_enough_are_named() -> None:
    lines = (
        "Protect site.name == T9",
        "Protect replica.incomplete",
        "Ignore dataset.size < 2",
        "Protect not replica.incomplete",
        "Dismiss dataset.size > 1",
    )
    found = lint(parse_policy(policy(*lines)), None, NOW)
    assert "lines 6, 8 together take all" in found[0].what
