"""Whatever text comes in: a policy, or a PolicyError that tells places inside the text."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from inventory.policy.errors import PolicyError
from inventory.policy.parser import parse_condition, parse_partitions, parse_policy
from inventory.policy.variables import VARIABLES
from tests.inventory.policy.samples import PARTITIONS, POLICY

PIECES = st.sampled_from(
    [*VARIABLES, *["==", "!=", "=~", "!=~", "<", ">", "in", "notin", "[", "]", "(", ")", ",", ":", "#", "*", "?", "\\", "[[", "]]", ".*", "(?P<x>", "{99999}", "\\p{L}", "\x00", "\xa0", "and", "not", "until", "from"],
     "older_than", "newer_than", "90 days ago", "Protect", "On", "Order", "\n", " ", "\t", "\r", "1e999", "١"]
)  # fmt: skip
MUTATIONS = st.tuples(st.integers(0, 4000), st.integers(0, 12), st.one_of(PIECES, st.text(max_size=5)))


def mutated(text: str, mutations: list[tuple[int, int, str]]) -> str:
    for position, cut, piece in mutations:
        position %= len(text) + 1
        text = text[:position] + piece + text[position + cut :]
    return text


def check_places(error: PolicyError, text: str) -> None:
    lines = text.split("\n")
    assert error.mistakes
    for mistake in error.mistakes:
        assert 1 <= mistake.line <= len(lines)
        assert 1 <= mistake.column <= len(lines[mistake.line - 1]) + 1
    assert str(error)


def check_policy(text: str) -> None:
    try:
        parse_policy(text)
    except PolicyError as error:
        check_places(error, text)


def check_partitions(text: str) -> None:
    try:
        parse_partitions(text)
    except PolicyError as error:
        check_places(error, text)


@given(st.text())
@example("Protect dataset.name =~ (?P<a>")
@example("Order \x0b\n On")
def test_any_text(text: str) -> None:
    check_policy(text)
    check_partitions(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(MUTATIONS, min_size=1, max_size=6))
def test_damaged_policies(mutations: list[tuple[int, int, str]]) -> None:
    check_policy(mutated(POLICY, mutations))


@settings(max_examples=100, deadline=None)
@given(st.lists(MUTATIONS, min_size=1, max_size=4))
def test_damaged_partitions(mutations: list[tuple[int, int, str]]) -> None:
    check_partitions(mutated(PARTITIONS, mutations))


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map(" ".join), st.sampled_from(["replica", "block", "site"]))
def test_any_mixture_of_pieces_as_a_condition(text: str, context: str) -> None:
    try:
        parse_condition(text, context)
    except PolicyError as error:
        check_places(error, text.strip("\r\n"))


def test_long_and_deep_input_takes_linear_time() -> None:
    for piece in ("a ", "and ", "not ", "(", "[", "* ", "until ", "dataset.size > 1 and ", "dataset.name == a "):
        check_policy("Protect dataset.name == " + piece * (90_000 // len(piece)))
        check_policy("Protect " + piece * (90_000 // len(piece)))
