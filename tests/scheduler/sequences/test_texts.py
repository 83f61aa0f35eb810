"""Waits, arguments, and classic files of sequences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.errors import ProgramRefused
from scheduler.models import Kind, Level
from scheduler.sequencing import classic
from scheduler.sequencing.classic import FileSequence, FileStep
from scheduler.sequencing.expression import ExpressionWrong, seconds
from scheduler.sequencing.words import ArgumentsWrong, filled, words

FILE = """
# programs
{look} = /programs/look.py
<inject> = /programs/inject.py   # writes

[SEQUENCE night] restart
^[4] {look} --cycle "$(PARTITION) # no comment" a#b
&<inject> 'two words'
| {look}
WAIT 2 * 3600 + 60
TERMINATE

[SEQUENCE day]
|[0.5] <inject>
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [("3600", 3600), ("2*3600 + 60", 7260), ("(1 + 2) * 3", 9), ("10 - 4 - 3", 3), ("12 / 4 / 3", 1), (".5", 0.5)],
)
def test_a_wait_is_a_sum_of_products(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no seconds"), ("2 **", "number is expected"), ("__import__('os')", "neither a number"), ("1e9", "neither a number"),
        ("-5", "number is expected"), ("1 - 5", "a wait takes 0"), ("9" * 30, "a wait takes 0"), ("1 / 0", "divides by 0"),
        ("(1", "not closed"), ("1 2", "not expected there"), ("(" * 100 + "1" + ")" * 100, "parentheses"),
        ("9999999*" * 5000 + "1", "a wait takes 0"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_the_reason(text, what):
    with pytest.raises(ExpressionWrong, match=what.replace("(", r"\(")):
        seconds(text)


_sums = st.recursive(
    st.integers(0, 1000).map(str), lambda inner: st.tuples(inner, st.sampled_from("+*"), inner).map(lambda t: f"({' '.join(t)})"),
    max_leaves=8,
)  # fmt: skip


@given(_sums)
def test_a_wait_has_the_value_that_arithmetic_gives_it(text):
    # Only digits, +, * and parentheses come out of the strategy: Python is a second opinion.
    expected = eval(text)  # noqa: S307
    if expected > 366 * 86400:
        with pytest.raises(ExpressionWrong):
            seconds(text)
    else:
        assert seconds(text) == expected


def test_variables_are_filled_only_from_the_allow_list_and_never_seen_by_a_shell():
    environment = {"PARTITION": "Physics; rm -rf /", "SECRET": "hidden"}
    assert [filled(word, environment, ["PARTITION"]) for word in words("--on '$(PARTITION)' x")] == [
        "--on",
        "Physics; rm -rf /",
        "x",
    ]
    with pytest.raises(ArgumentsWrong, match="allows PARTITION"):
        filled("$(SECRET)", environment, ["PARTITION"])
    with pytest.raises(ArgumentsWrong, match="not set"):
        filled("$(OTHER)", environment, ["OTHER"])
    with pytest.raises(ArgumentsWrong, match="no name"):
        words("$(a-b)")
    with pytest.raises(ArgumentsWrong, match="quotation"):
        words("'open")


def test_a_classic_file_is_read_as_it_is_meant():
    night, day = classic.parse(FILE)
    assert (night.name, night.restart, day.name, day.restart) == ("night", True, "day", False)
    first, second, third, wait, end = night.steps
    assert first == FileStep(
        Kind.RUN, "look", "/programs/look.py", Level.READ, '--cycle "$(PARTITION) # no comment" a#b', "^", 4.0
    )
    assert (second.level, second.on_failure, second.arguments) == (Level.WRITE, "&", "'two words'")
    assert (third.on_failure, third.limit_hours) == ("|", None)
    assert (wait.kind, wait.wait, end.kind) == (Kind.WAIT, "2 * 3600 + 60", Kind.TERMINATE)
    assert day.steps[0].limit_hours == 0.5


def test_every_mistake_of_a_file_is_told_with_its_line():
    text = """{a} = relative/path
{b} = /b
[SEQUENCE one
^ {b}
[SEQUENCE two] sometimes
^ {bb} x
^[soon] {b}
[SEQUENCE two]
$ {b}
WAIT until tomorrow
TERMINATE now
& {b} 'open
"""
    with pytest.raises(ProgramRefused) as caught:
        classic.parse(text, "file")
    told = str(caught.value).splitlines()
    assert [line.split(":")[1] for line in told] == ["1", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]
    assert "is {b} meant?" in told[4]
    with pytest.raises(ProgramRefused, match="no \\[SEQUENCE"):
        classic.parse("# nothing")
    with pytest.raises(ProgramRefused, match="has no steps"):
        classic.parse("[SEQUENCE empty]")


_plain = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=10)
_runs = st.builds(
    lambda title, write, argument, rule, hours: FileStep(
        Kind.RUN, title, f"/p/{title}{write}", Level.WRITE if write else Level.READ, argument, rule, hours
    ),
    _plain, st.booleans(), st.sampled_from(["", "a b", "'x # y'", "$(A)"]), st.sampled_from("^&|"),
    st.none() | st.integers(1, 100).map(float),
)  # fmt: skip
_steps = st.one_of(_runs, st.just(FileStep(Kind.TERMINATE)), st.just(FileStep(Kind.WAIT, wait="2 * 60")))
_sequences = st.builds(FileSequence, _plain, st.booleans(), st.lists(_steps, min_size=1, max_size=5))


@given(st.lists(_sequences, min_size=1, max_size=3, unique_by=lambda sequence: sequence.name))
def test_what_is_written_is_read_as_the_same(sequences):
    assert classic.parse(classic.written(sequences)) == sequences


@given(st.text(st.sampled_from("{}<>[]SEQUENCE restart^&|=/WAIT 12*+#'\"$()\n\\"), max_size=200))
def test_no_text_breaks_the_reader(text):
    try:
        found = classic.parse(text)
    except ProgramRefused:
        return
    assert found
