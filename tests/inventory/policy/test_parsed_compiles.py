"""Whatever the parser lets through, the compiler can evaluate: every variable with every operator of its type."""

from __future__ import annotations

import polars as pl
import pytest

from inventory.policy.compiler import condition_expression
from inventory.policy.conditions import BY_TYPE
from inventory.policy.parser import parse_condition
from inventory.policy.variables import VARIABLES, Variable

NOW = 1700000000
OPERANDS = {
    "==": "{value}", "!=": "{value}", "=~": "{regex}", "!=~": "{regex}", "<": "{value}", ">": "{value}",
    "older_than": "90 days ago", "newer_than": "2023-01-01", "in": "[{value} {value}]", "notin": "[{value}]",
}  # fmt: skip
CASES = [(variable, operator) for variable in VARIABLES.values() for operator in BY_TYPE[variable.type]]


def example(variable: Variable) -> object:
    if variable.type == "text":
        return "abc"
    return variable.values[0] if variable.values else variable.type == "bool" or 5


def text_of(variable: Variable, operator: str) -> str:
    if operator in ("true", "not"):
        return variable.name if operator == "true" else f"not {variable.name}"
    value = example(variable)
    operand = OPERANDS[operator].format(value=value, regex=str(value)[:2] if variable.type != "enum" else f"{value}|x")
    return f"{variable.name} {operator} {operand}"


@pytest.mark.parametrize(("variable", "operator"), CASES, ids=lambda part: getattr(part, "name", part))
def test_every_operator_of_every_variable_evaluates(variable: Variable, operator: str) -> None:
    condition = parse_condition(text_of(variable, operator), variable.contexts[0])
    frame = pl.DataFrame({variable.name: [example(variable)]})
    if variable.type == "enum":
        frame = frame.cast(pl.Enum(variable.values))
    answer = frame.select(condition_expression(condition, NOW)).to_series()
    true = {"true", "==", "=~", "in", "older_than"}
    expected = operator in true
    if operator in ("<", ">"):
        expected = False
    assert answer.to_list() == [expected]


@pytest.mark.parametrize(("text", "value", "expected"), [
    ("dataset.name == /*/*/RAW", "/a/b/RAW", True), ("dataset.name == /*/*/RAW", "/a/b/RAWX", False),
    ("dataset.name != /*/?/RAW", "/a/bb/RAW", True), ("dataset.name in [/x /a*]", "/ab", True),
    ("dataset.name notin [/x /a*]", "/ab", False), ("dataset.name =~ /a", "/ab", True), ("dataset.name =~ b", "/ab", False),
    ("dataset.name =~ /a(?!b)", "/ab", False), ("dataset.name == /ab until 2023-11-14", "/ab", False),
    ("dataset.name == /ab until 2023-11-15", "/ab", True), ("dataset.name == /ab from 2023-11-15", "/ab", False),
    ("dataset.name != /x from 2023-11-15", "/ab", False), ("dataset.name in []", "/ab", False),
])  # fmt: skip
def test_conditions_mean_what_the_page_says(text: str, value: str, expected: bool) -> None:
    frame = pl.DataFrame({"dataset.name": [value]})
    assert frame.select(condition_expression(parse_condition(text, "replica"), NOW)).item() is expected
