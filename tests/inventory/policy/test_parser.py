"""Operators' files are read as they are meant, and their mistakes are all told, with place and remedy."""

from __future__ import annotations

import pytest

from inventory.policy.errors import PolicyError
from inventory.policy.model import OrderKey, Predicate
from inventory.policy.parser import MAX_LINE, MAX_TEXT, parse_condition, parse_partitions, parse_policy
from tests.inventory.policy.samples import PARTITIONS, POLICY, policy


def told(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(PolicyError) as error:
        parse_policy(text, "p.txt")
    return [(mistake.line, mistake.column, mistake.what) for mistake in error.value.mistakes]


def line_mistake(line: str) -> tuple[int, str]:
    """Column and text of the one mistake in a stack line."""
    mistakes = told(policy(line))
    assert len(mistakes) == 1, mistakes
    assert mistakes[0][0] == 5
    return mistakes[0][1:]


def predicates(text: str, context: str = "replica") -> list[tuple[str, str, object]]:
    return [(part.variable, part.operator, part.operand) for part in parse_condition(text, context).predicates]


def test_a_production_like_file_is_read_whole() -> None:
    read = parse_policy(POLICY, "physics.txt")
    assert (read.partition, len(read.on), len(read.when), len(read.until), read.static) == ("Physics", 1, 2, 1, False)
    assert [line.number for line in read.stack] == list(range(1, 14))
    assert (read.default.number, read.default.action, read.default.condition) == (0, "Dismiss", None)
    assert read.order == (OrderKey("dataset.usage_rank", True), OrderKey("replica.size", False))
    assert read.text == POLICY
    assert [line.line for line in read.lines][:2] == [11, 12]
    assert next(line.text for line in read.stack if line.by_block) == "ProtectBlock blockreplica.is_locked"


def test_operands_run_to_and_until_from_or_the_end() -> None:
    condition = parse_condition(
        "blockreplica.owner == IB RelVal and not blockreplica.is_locked until 1 May 2030", "replica"
    )
    assert condition.predicates == (
        Predicate("blockreplica.owner", "==", "IB RelVal", 1, 1),
        Predicate("blockreplica.is_locked", "not", None, 1, 41),
    )
    assert (condition.until, condition.since) == ("1 May 2030", None)
    both = parse_condition("dataset.size > 1 from 2020-01-01 until 2030-01-01", "replica")
    assert (both.since, both.until) == ("2020-01-01", "2030-01-01")


@pytest.mark.parametrize(("text", "meaning"), [
    ("dataset.on_tape != full", ("dataset.on_tape", "!=", "FULL")),
    ("dataset.status in [VALID production]", ("dataset.status", "in", ("VALID", "PRODUCTION"))),
    ("dataset.status == DE*", ("dataset.status", "in", ("DELETED", "DEPRECATED"))),
    ("dataset.status !=~ VAL|IGN", ("dataset.status", "notin", ("VALID", "IGNORED"))),
    ("replica.num_access == 0", ("replica.num_access", "==", 0.0)),
    ("dataset.size > 1.5e12", ("dataset.size", ">", 1.5e12)),
    ("dataset.usage_rank < -3", ("dataset.usage_rank", "<", -3.0)),
    ("replica.num_access in [0 1]", ("replica.num_access", "in", (0.0, 1.0))),
    ("dataset.name notin [/*/*/RAW /a/b/c]", ("dataset.name", "notin", ("/*/*/RAW", "/a/b/c"))),
    ("site.name in [T[12]_* [!T]?]", ("site.name", "in", ("T[12]_*", "[!T]?"))),
    ("dataset.name in []", ("dataset.name", "in", ())),
    ("dataset.name =~ /a (b|c) d$", ("dataset.name", "=~", "/a (b|c) d$")),
    ("dataset.name =~ /a(?!b)", ("dataset.name", "=~", "/a(?!b)")),
    ("blockreplica.owner == None", ("blockreplica.owner", "==", "None")),
    ("dataset.last_access older_than last monday", ("dataset.last_access", "older_than", "last monday")),
    ("dataset.size>3", ("dataset.size", ">", 3.0)),
    ("site.name=~T[12]_", ("site.name", "=~", "T[12]_")),
])  # fmt: skip
def test_predicates_mean(text: str, meaning: tuple[str, str, object]) -> None:
    assert predicates(text) == [meaning]


def test_comments_blank_lines_and_other_line_ends() -> None:
    text = policy("", "   # nothing", "Protect dataset.name == /a#b/c/d  # why", "\tProtect  dataset.size > 1")
    for variant in (text, text.replace("\n", "\r\n"), "\ufeff" + text, text + "\n\n"):
        read = parse_policy(variant)
        assert [line.text for line in read.stack] == ["Protect dataset.name == /a#b/c/d", "Protect  dataset.size > 1"]
        assert read.stack[0].condition
        assert read.stack[0].condition.predicates[0].operand == "/a#b/c/d"


def test_the_default_may_stand_anywhere_and_static_is_known() -> None:
    read = parse_policy("Algo Static\nDismiss\n" + policy("Protect dataset.size > 1", default=""))
    assert read.static
    assert (read.default.line, read.stack[0].number) == (2, 1)


def test_every_mistake_is_told_at_once() -> None:
    text = policy(
        "Protct dataset.size > 1",
        "Protect dataset.nme == /a/b/c",
        "Protect dataset.size > x and dataset.on_tape == FUL",
    )
    assert [(line, column) for line, column, _ in told(text)] == [(5, 1), (6, 9), (7, 24), (7, 49)]


def test_an_error_shows_file_line_column_and_caret() -> None:
    with pytest.raises(PolicyError) as error:
        parse_policy(policy("Protect dataset.nme == /a/b/c"), "physics.txt")
    lines = str(error.value).splitlines()
    assert lines[0] == "physics.txt:5:9: unknown variable dataset.nme (did you mean dataset.name?)"
    assert lines[1:] == ["    Protect dataset.nme == /a/b/c", "            ^"]


@pytest.mark.parametrize(("line", "column", "remedy"), [
    ("Protect dataset.name == /a/b/c or replica.incomplete", 32, "there is no `or`"),
    ("Protect replica.incomplete or dataset.size > 3", 28, "there is no `or`"),
    ("Protect (replica.incomplete)", 9, "no brackets"),
    ("Protect dataset.name == /a/b/c dataset.size > 3", 32, "is an `and` missing"),
    ("Protect dataset.name = /a/b/c", 22, "write =="),
    ("Protect dataset.size >= 3", 23, "no <= or >="),
    ("Protect dataset.size > nan", 24, "a number is expected"),
    ("Protect dataset.size > 1_000", 24, "a number is expected"),
    ("Protect dataset.size", 9, "not a boolean"),
    ("Protect not dataset.size", 13, "not a boolean"),
    ("Protect replica.incomplete == true", 28, "write `replica.incomplete` or `not replica.incomplete`"),
    ("Protect dataset.name < b", 22, "does not apply"),
    ("Protect dataset.last_update > 3", 29, "older_than"),
    ("Protect dataset.last_update older_than 90 dayz", 40, "cannot read the time"),
    ("Protect replica.incomplete until sometime", 34, "cannot read the time"),
    ("Protect replica.incomplete until 2030-01-01 until 2031-01-01", 45, "a second `until`"),
    ("Protect dataset.status == VALDI", 27, "did you mean VALID?"),
    ("Protect dataset.status in [VALID FOO]", 34, "one of UNKNOWN, DELETED"),
    ("Protect dataset.status =~ FOO", 27, "matches no value"),
    ("Protect dataset.name =~ /a(b", 25, "not a regular expression"),
    ("Protect dataset.name =~ " + "a" * 5000, 25, "longer than"),
    ("Protect dataset.name =~ \\p{L}", 25, "not a regular expression"),
    ("Protect dataset.name =~ " + "(" * 3000, 25, "not a regular expression"),
    ("Protect dataset.name in [a, b]", 27, "without commas"),
    ("Protect dataset.name in a b", 25, "expected ["),
    ("Protect dataset.name in [a b", 29, "expected ]"),
    ("Protect dataset.name ==", 24, "expected a value"),
    ("Protect dataset.name == and replica.incomplete", 25, "expected a value"),
    ("Protect replica.incomplete and", 31, "expected a variable"),
    ("Protect site.occupancy > 3", 9, "site as a whole"),
    ("Protect always", 9, "site as a whole"),
    ("protect replica.incomplete", 1, "did you mean Protect?"),
    ("Order increasing replica.size", 1, ""),
])  # fmt: skip
def test_a_mistake_is_told_with_place_and_remedy(line: str, column: int, remedy: str) -> None:
    if line.startswith("Order"):
        assert told(policy(line))[-1][:2] == (7, 1)
        return
    assert line_mistake(line)[0] == column
    assert remedy in line_mistake(line)[1]


@pytest.mark.parametrize(("condition", "remedy"), [
    ("dataset.name == /a/b/c", "speak of sites only"), ("blockreplica.is_locked", "speak of sites only"),
    ("replica.size > 3", "speak of sites only"), ("site.ocupancy > 0.9", "did you mean site.occupancy?"),
])  # fmt: skip
@pytest.mark.parametrize("statement", ["On", "When", "Until"])
def test_sites_are_chosen_by_sites_variables_only(statement: str, condition: str, remedy: str) -> None:
    mistakes = told(policy() + f"\n{statement} {condition}")
    assert mistakes[0][1] == len(statement) + 2
    assert remedy in mistakes[0][2]


@pytest.mark.parametrize("lacking", ["Partition", "On", "When", "Until", "Order", "default"])
def test_a_mandatory_part_is_missed(lacking: str) -> None:
    lines = [line for line in policy().split("\n") if not line.startswith(lacking)]
    lines = [line for line in lines if lacking != "default" or line != "Dismiss"]
    mistakes = told("\n".join(lines))
    assert len(mistakes) == 1
    assert "lacks" in mistakes[0][2]
    assert ("default" if lacking == "default" else f"`{lacking}") in mistakes[0][2]


@pytest.mark.parametrize(("extra", "remedy"), [
    ("Partition Q", "a second `Partition`"), ("Order none", "a second `Order`"), ("Protect", "a second default"),
    ("Algo Fast", "there is `Algo Static`"), ("Algo Static\nAlgo Static", "a second `Algo`"), ("Algo", "there is `Algo Static`"),
])  # fmt: skip
def test_what_may_stand_once_stands_once(extra: str, remedy: str) -> None:
    mistakes = told(f"{policy()}\n{extra}")
    assert len(mistakes) == 1
    assert remedy in mistakes[0][2]


@pytest.mark.parametrize(("order", "remedy"), [
    ("Order", "is expected"), ("Order sideways replica.size", "is expected"), ("Order increasing", "a variable is expected"),
    ("Order increasing replica.siz", "did you mean replica.size?"), ("Order increasing blockreplica.last_update", "of a block"),
    ("Order increasing dataset.name", "a text"), ("Order increasing site.occupancy", "a site"),
    ("Order increasing replica.size none", "is expected"),
])  # fmt: skip
def test_an_order_that_cannot_be_used(order: str, remedy: str) -> None:
    mistakes = told(policy(order=order))
    assert len(mistakes) == 1
    assert remedy in mistakes[0][2]


def test_the_default_is_at_the_level_of_replicas() -> None:
    assert "write `Dismiss`" in told(policy(default="DismissBlock"))[0][2]


def test_partitions_are_conditions_and_unions() -> None:
    read = parse_partitions(PARTITIONS)
    assert list(read)[:2] == ["AnalysisOps", "IB RelVal"]
    assert read["Physics"] == ("AnalysisOps", "IB RelVal", "PhysicsTape")
    assert parse_partitions(PARTITIONS + "Most: [Physics, AllDisk]")["Most"] == ("Physics", "AllDisk")
    assert read["IB RelVal"].predicates[0].operand == "IB RelVal"


@pytest.mark.parametrize(("text", "place", "remedy"), [
    ("A site.storage_type == MSS", (1, 27), "`Name: condition`"), (": always", (1, 9), "`Name: condition`"),
    ("A: site.storage_type == MSS\nA: site.storage_type == DISK", (2, 1), "a second partition"),
    ("A: site.storage_type == MSS\nB: [A, C]", (2, 8), ["no partition 'C'", "did you mean A?)"][0]),
    ("A: [B]\nB: [A]", (1, 5), "would contain itself"), ("A: [A]", (1, 5), "would contain itself"), ("A: []", (1, 5), "names of partitions"),
    ("A: dataset.on_tape == FULL", (1, 4), "inside a cycle only"), ("A: replica.size > 3", (1, 4), "inside a cycle only"),
    ("A: site.occupancy > 3", (1, 4), "cannot be used here"), ("A:", (1, 3), "expected a variable"),
])  # fmt: skip
def test_mistakes_in_partitions(text: str, place: tuple[int, int], remedy: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse_partitions(text, "partitions.txt")
    mistake = error.value.mistakes[0]
    assert (mistake.line, mistake.column) == place
    assert remedy in mistake.what


def test_too_much_text_is_refused_quickly() -> None:
    assert "more than" in told("x" * (MAX_TEXT + 1))[0][2]
    assert "more than" in told(policy("Protect dataset.name == " + "x" * MAX_LINE))[0][2]
    assert len(told("x\n" * 100_000)) < 300


def test_a_long_list_is_fine() -> None:
    names = " ".join(f"/a/b{number}/c" for number in range(5000))
    read = parse_policy(policy(f"Protect dataset.name in [{names}]"))
    assert read.stack[0].condition
    assert len(read.stack[0].condition.predicates[0].operand) == 5000


def test_a_condition_is_one_line() -> None:
    with pytest.raises(PolicyError, match="one line"):
        parse_condition("always\nnever", "site")
    with pytest.raises(PolicyError, match="expected a variable"):
        parse_condition("", "site")
