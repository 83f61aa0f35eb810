"""Whatever text comes in: a policy, or a PolicyError that tells places inside the text."""

from __future__ import annotations

import io
import time
from pathlib import Path

import polars as pl
import pytest
from django.core.management import CommandError, call_command
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inventory.partitions import simple_parts
from inventory.policy.checking import World, check_files
from inventory.policy.errors import PolicyError, TimeError
from inventory.policy.formats import FORMATS
from inventory.policy.lint.conditions import KnownNames
from inventory.policy.lint.findings import CODES
from inventory.policy.lint.policies import lint
from inventory.policy.lint.together import Partitions, lint_partitions
from inventory.policy.parser import parse_condition, parse_partitions, parse_policy
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES
from tests.inventory.policy.samples import PARTITIONS, POLICY, policy

NOW = 1_700_000_000
RULES = '{"partition": "P", "default_destination_group": "G", "rules": {"r": {"replicas": ["blockreplica.owner == G"], "num_copies": 1, "destinations": ["site.name == T2_*"], "sources": ["site.storage_type == DISK"]}}}'
KNOWN = KnownNames(frozenset({"T2_A"}), frozenset({"None"}), frozenset({"P"}), pl.Series(["/a/b/RAW"]))
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
        found = lint(parse_policy(text), KNOWN, NOW)
    except PolicyError as error:
        check_places(error, text)
        return
    lines = text.split("\n")
    for finding in found:
        assert finding.code in CODES
        assert 1 <= finding.line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1


def check_partitions(text: str) -> None:
    try:
        lint_partitions(Partitions(parse_partitions(text)), KNOWN, None, NOW)
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


GRAMMAR = st.one_of(
    st.builds("{} {}".format, st.sampled_from(["Protect", "DeleteBlock", "Dismiss", "On", "When", "Until", "Ignore"]), st.lists(
        st.builds(
            "{} {} {}".format, st.sampled_from(sorted(VARIABLES)), st.sampled_from(["==", "!=", "<", ">", "in", "notin", "=~", "!=~", "older_than", "newer_than", ""]),
            st.sampled_from(["*", "/*/*?*", "[a* *b]", "[1 2]", "3", "-1e308", "1e999", "NONE", "(a+)+$", "90 days ago", "99999-01-01", "9999-12-31", "@99999999999999", "last monday", "9999 years ago", ""]),
        ), min_size=1, max_size=3,
    ).map(" and ".join)),
    st.sampled_from(["Order increasing replica.size", "Algo Static", "Protect replica.incomplete until 9999-12-31", "Dismiss replica.incomplete from 1 year ago"]),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(GRAMMAR, max_size=8))
def test_policies_made_of_the_grammar(lines: list[str]) -> None:
    check_policy(policy(*lines))
    check_policy("\n".join(lines))


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(
            st.sampled_from(
                [
                    "99999-01-01",
                    "year",
                    "ago",
                    "-",
                    "+",
                    "9" * 9,
                    "month",
                    "next",
                    "monday",
                    "@",
                    "1e9",
                    "12:00",
                    "am",
                    "January",
                    "31",
                    "٣",
                    "\0",
                    "utc",
                    "0000-00-00",
                ]
            ),
            max_size=6,
        ).map(" ".join),
    )
)
def test_any_time(text: str) -> None:
    try:
        moment = parse_time(text, NOW)
    except TimeError:
        return
    assert isinstance(moment, int)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(
            lambda text, changes: mutated(text, changes).encode("utf-8", "replace"),
            st.sampled_from([POLICY, PARTITIONS, RULES]),
            st.lists(MUTATIONS, max_size=4),
        ),
    )
)
def test_any_bytes_through_files_and_every_form(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(content)
    reports = check_files([path, path], World(NOW, KNOWN))
    for form in FORMATS.values():
        assert isinstance(form(reports), str)


@pytest.mark.parametrize("content", [
    b"\0" * 1000, b"Partition \xff", b"{" * 100_000, b"[" * 100_000, b"A: " + b"[" * 90_000, b"x" * 10_000_000,
    b"Protect dataset.name =~ " + b"(" * 5000, b"Protect dataset.name =~ (((((a*)*)*)*)*)*$", b"On site.status =~ (((((.*)*)*)*)*)*!",
    b"\xef\xbb\xbfPartition P", '{"partition": "\ud800"}'.encode("utf-8", "surrogatepass"),
    b'{"partition": "P", "rules": {"r": {"num_copies": 1e999}}}', b'{"rules": ' * 3000, b"",
], ids=lambda content: content[:30])  # fmt: skip
def test_the_command_tells_mistakes_and_never_more(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes(content)
    begin = time.monotonic()
    for form in FORMATS:
        with pytest.raises(CommandError) as error:
            call_command("policy", "check", str(path), "--format", form, stdout=io.StringIO())
        assert error.value.returncode == 1
    assert time.monotonic() - begin < 60


HARD = {
    "stars": [f"Protect dataset.name == {'*a' * size}" for size in range(100, 140)],
    "stars and their inverse": [f"{word} dataset.name {operator} {'*ab' * 12}*{number}*" for number in range(12) for word, operator in (("Protect", "=="), ("Dismiss", "!="))],
    "many ranges": [f"Protect dataset.size < {number} and replica.size > {number} and dataset.num_full_copy < {number}" for number in range(3, 100)],
    "pairs": [f"Protect {'not ' * (number >> bit & 1)}{name}" for number in range(16) for bit, name in enumerate(["replica.incomplete", "dataset.on_protected_site"])],
    "long lists": [f"Protect dataset.name in [{' '.join(f'/a{number}*/b*{other}*' for other in range(200))}]" for number in range(20)],
    "hard expressions": ["Protect dataset.name =~ (a+)+$", "Dismiss dataset.name == " + "a" * 60, "Ignore dataset.name =~ (a|a)*b and dataset.name == " + "a" * 60],
    "many lines": [f"Protect dataset.name == /a{number}/*/RAW and replica.size > {number}" for number in range(800)],
    "many dates": [f"Protect dataset.last_update older_than {number} days ago until 2030-01-{number % 28 + 1}" for number in range(1, 80)],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("lines", HARD.values(), ids=HARD)
def test_the_linter_ends(lines: list[str]) -> None:
    begin = time.monotonic()
    lint(parse_policy(policy(*lines)), KNOWN, NOW)
    assert time.monotonic() - begin < 120


@pytest.mark.parametrize(("text", "chain"), [
    ("A: [A]", "A → A"), ("A: [B]\nB: [C]\nC: [A]", "A → B → C → A"), ("X: [A]\nA: [B, X1]\nX1: site.name == *\nB: [A]", "A → B → A"),
    ("\n".join(f"P{number}: [P{number + 1}]" for number in range(3000)) + "\nP3000: [P0]", "P0 → P1"),
])  # fmt: skip
def test_unions_that_contain_themselves_show_how(text: str, chain: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse_partitions(text)
    assert chain in error.value.mistakes[0].what
    check_places(error.value, text)


def test_unions_of_unions_of_unions_take_linear_time() -> None:
    """Each of two unions is made of both below: two to the power of a thousand ways."""
    text = "A0: site.name == a\nB0: site.name == b\n"
    text += "\n".join(f"{name}{number}: [A{number - 1}, B{number - 1}]" for number in range(1, 1000) for name in "AB")
    assert simple_parts(parse_partitions(text), "A999") == ("A0", "B0")
    check_partitions(text.replace("B0: ", "C0: "))
