"""What classic calls may give, and that mistakes are named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from registry.classic.parameters import Parameter, checked
from registry.errors import Refused

NOW = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
LIST = Parameter("item", "list", longest=20, most=3)


def value(parameter: Parameter, *given: object, name: str | None = None) -> object:
    return checked([parameter], {name or parameter.name: list(given)}, NOW)[parameter.name]


@pytest.mark.parametrize(("name", "given", "expected"), [
    ("item", ["/A,/B"], ["/A", "/B"]),
    ("item", ["/A", "/B"], ["/A", "/B"]),
    ("item[]", ["/A", "/B"], ["/A", "/B"]),
    ("item[]", ["/A,B"], ["/A,B"]),
    ("item", [["/A", "/B"]], ["/A", "/B"]),
    ("item", ['["/A", "/B"]'], ["/A", "/B"]),
    ("item", ["/A,/A, /B ,"], ["/A", "/B"]),
    ("item", [""], []),
    ("item", [[]], []),
    ("item", ["[T2"], ["[T2"]),
    ("item", [5], ["5"]),
])  # fmt: skip
def test_lists_come_repeated_as_json_or_between_commas(name, given, expected) -> None:
    assert value(LIST, *given, name=name) == expected


@pytest.mark.parametrize("given", [["x" * 21], [[None]], [[{"a": 1}]], [[True]], ["a,b,c,d"], ["a\0b"], ["\ud800"]])
def test_elements_that_are_no_names_are_refused(given) -> None:
    with pytest.raises(Refused, match="item: "):
        value(LIST, *given)


@pytest.mark.parametrize("given", ["1", 1, " 7 "])
def test_whole_numbers(given: object) -> None:
    assert value(Parameter("n", "integer"), given) == int(given)


@pytest.mark.parametrize("given", ["1.5", 1.5, "x", True, None, -1, "-1", "9" * 19, "9" * 30, "٣", "", [1, 2]])
def test_what_is_no_number_is_refused_by_name(given: object) -> None:
    with pytest.raises(Refused, match=r"^n: "):
        value(Parameter("n", "integer"), given)


def test_lists_of_numbers() -> None:
    assert value(Parameter("lockid", "integers"), "3,4,3") == [3, 4]
    assert value(Parameter("lockid", "integers"), [3, 4]) == [3, 4]
    with pytest.raises(Refused, match="lockid: 'x'"):
        value(Parameter("lockid", "integers"), "3,x")


@pytest.mark.parametrize(("given", "expected"), [
    ("y", True), ("Yes", True), ("1", True), (True, True), ("true", True),
    ("n", False), ("no", False), ("0", False), (False, False),
])  # fmt: skip
def test_yes_and_no(given, expected) -> None:
    assert value(Parameter("all", "boolean"), given) is expected


def test_neither_yes_nor_no() -> None:
    with pytest.raises(Refused, match="all: 'maybe'"):
        value(Parameter("all", "boolean"), "maybe")


@pytest.mark.parametrize("given", ["2026-03-02", "2026-03-02 00:00:00 UTC", "tomorrow", "1772409600", 1772409600])
def test_times_are_dates_words_or_seconds(given: object) -> None:
    assert value(Parameter("expires", "time"), given) == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("given", ["soon", "2026-13-45", "9" * 18, ""])
def test_what_is_no_time_is_refused(given: str) -> None:
    with pytest.raises(Refused, match="expires: "):
        value(Parameter("expires", "time"), given)


def test_unknown_and_missing_parameters_are_named() -> None:
    with pytest.raises(Refused, match="unknown parameter itme; this call takes: item"):
        checked([LIST], {"itme": ["/A"]}, NOW)
    with pytest.raises(Refused, match="missing parameter item"):
        checked([Parameter("item", required=True)], {}, NOW)


def test_jsonp_is_dropped_and_defaults_are_filled_in() -> None:
    assert checked([Parameter("n", "integer", default=4)], {"callback": ["f"]}, NOW) == {"n": 4}


def test_one_value_is_one_value() -> None:
    with pytest.raises(Refused, match="group: give one value"):
        value(Parameter("group"), "a", "b")


def test_choices() -> None:
    status = Parameter("status", "list", choices=("new", "completed"))
    assert value(status, "new") == ["new"]
    with pytest.raises(Refused, match="status: unknown: done; choose from new, completed"):
        value(status, "done")


def test_regular_expressions_are_not_split() -> None:
    expressions = Parameter("dataset", "patterns")
    assert value(expressions, "/A{1,2}") == ["/A{1,2}"]
    assert value(expressions, "/A,", "[ab]") == value(expressions, ["/A,", "[ab]"]) == ["/A,", "[ab]"]
