"""Compiled conditions mean what Python's globs and regular expressions, numbers and times mean."""

from __future__ import annotations

import fnmatch
import re
import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.policy.compiler import any_expression, condition_expression, in_force, with_variables
from inventory.policy.parser import parse_condition
from inventory.policy.patterns import bounded_regex_matches, glob_matches, regex_matches

NOW = 1_700_000_000
DAY = 86_400
TEXT = st.text(st.sampled_from("ab/_-.RAW1 é\n"), max_size=8)


def seen(expression: pl.Expr, values: list[str]) -> list[bool]:
    return pl.DataFrame({"v": pl.Series(values, dtype=pl.String)}).select(expression).to_series().to_list()


def holds(text: str, context: str = "block", **columns: list) -> list[bool]:
    frame = pl.DataFrame({name.replace("__", "."): values for name, values in columns.items()})
    return frame.select(condition_expression(parse_condition(text, context), NOW)).to_series().to_list()


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab/_-.RA1é*?[]!"), max_size=8), st.lists(TEXT, min_size=1, max_size=6))
def test_globs_match_as_a_shell_does(glob: str, values: list[str]) -> None:
    assert seen(glob_matches(pl.col("v"), glob), values) == [fnmatch.fnmatchcase(value, glob) for value in values]


PIECES = st.lists(
    st.sampled_from(["a", "b", "/", ".*", "[^/]+", "(?:a|b)", "R?", "$", r"\d", r"\w", "(?!a)", "a{1,2}", "(a)", "|", r"\.", "é", "^"]),
    max_size=6,
).map("".join)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(PIECES, st.lists(TEXT, min_size=1, max_size=6))
def test_regular_expressions_match_as_pythons_at_the_start(pattern: str, values: list[str]) -> None:
    assert seen(regex_matches(pl.col("v"), pattern), values) == [bool(re.match(pattern, value)) for value in values]


@settings(max_examples=200, deadline=None)
@given(PIECES, st.lists(st.text(st.sampled_from("ab/_-.RAW1 é"), max_size=8), min_size=1, max_size=6))
def test_strangers_patterns_mean_the_same_or_are_refused(pattern: str, values: list[str]) -> None:
    try:
        found = seen(bounded_regex_matches(pl.col("v"), pattern), values)
    except re.error:
        assert "(?!" in pattern
    else:
        assert found == [bool(re.match(pattern, value)) for value in values]


@pytest.mark.parametrize("pattern", [r"(/?[\w-]+)*!", "(a|a)*b", "(?:" * 40 + "!" + ")" * 40, r"[\w+-]+\Z"])
def test_strangers_patterns_take_no_time(pattern: str) -> None:
    begin = time.monotonic()
    assert seen(bounded_regex_matches(pl.col("v"), pattern), ["a" * 500 + "=", None]) == [False, None]
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "[a&&b]", "[!--a]", "[[a]]", r"\<a", "(x{1000}){1000}"])
def test_strangers_patterns_that_the_engines_see_differently_are_refused(pattern: str) -> None:
    with pytest.raises(re.error, match="too complicated"):
        bounded_regex_matches(pl.col("v"), pattern)


def test_a_negated_predicate_is_true_where_nothing_is_known() -> None:
    assert holds("dataset.name == a*", dataset__name=["ab", None]) == [True, False]
    assert holds("dataset.name != a*", dataset__name=["ab", None]) == [False, True]


def test_lists_take_words_and_globs_and_may_be_empty() -> None:
    names = ["T2_A", "T1_B", "T2_*"]
    assert holds("site.name in [T1_* T2_A]", site__name=names) == [True, True, False]
    assert holds("site.name notin [T1_* T2_A]", site__name=names) == [False, False, True]
    assert holds("site.name in []", site__name=names) == [False, False, False]
    assert holds("dataset.size in [1 2]", dataset__size=[1, 3, 2]) == [True, False, True]


def test_times_count_from_the_cycles_start() -> None:
    times = [NOW - 3 * DAY, NOW - DAY, 0]
    assert holds("dataset.last_update older_than 2 days ago", dataset__last_update=times) == [True, False, True]
    assert holds("dataset.last_update newer_than 2023-11-13", dataset__last_update=times) == [False, True, False]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [("until 2023-11-14 22:13:20", True), ("until 2023-11-14 22:13:19", False), ("from 2023-11-14 22:13:20", True),
     ("from 2023-11-14 22:13:21", False), ("from 2023-01-01 until 2024-01-01", True)],
)  # fmt: skip
def test_dates_of_a_condition_are_included(bounds: str, expected: bool) -> None:
    condition = parse_condition(f"site.name == A {bounds}")
    assert in_force(condition, NOW) is expected
    assert holds(f"site.name == A {bounds}", site__name=["A", "B"]) == [expected, False]


def test_conditions_of_several_lines_are_or_ed() -> None:
    conditions = [parse_condition("site.name == A"), parse_condition("site.name == B")]
    frame = pl.DataFrame({"site.name": ["A", "B", "C"]})
    assert frame.select(any_expression(conditions, NOW)).to_series().to_list() == [True, True, False]


def test_occupancy_without_quota_is_infinite_and_without_limit_nothing() -> None:
    sites = pl.LazyFrame({"occupied": [50, 50, 50], "quota": [100, 0, -1]})
    assert with_variables(sites, ["site.occupancy"]).collect()["site.occupancy"].to_list() == [0.5, float("inf"), 0.0]
