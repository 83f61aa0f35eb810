"""Conditions as Polars expressions over columns that are named like the variables (``dataset.name``, ``site.status``, …)."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import polars as pl

from inventory.policy.model import Condition, Predicate
from inventory.policy.patterns import glob_matches, is_glob, regex_matches
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES, Variable

_NEGATIONS = {"not": "true", "!=": "==", "!=~": "=~", "notin": "in"}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "older_than": operator.lt,
    ">": operator.gt,
    "newer_than": operator.gt,
}


def predicate_expression(predicate: Predicate, now: int) -> pl.Expr:
    """True where the predicate holds; needs the one column ``predicate.variable``. Null counts as no match.

    ``now`` (UTC seconds) is what relative times count from. Raises TimeError or ``re.error`` for a bad operand.
    """
    if predicate.operator in _NEGATIONS:
        return ~_positive(predicate, _NEGATIONS[predicate.operator], now)
    return _positive(predicate, predicate.operator, now)


def condition_expression(condition: Condition, now: int) -> pl.Expr:
    """True where all predicates hold; never outside the condition's ``from`` and ``until``."""
    holds = functools.reduce(operator.and_, (predicate_expression(part, now) for part in condition.predicates))
    return holds if in_force(condition, now) else holds & pl.lit(False)


def any_expression(conditions: Iterable[Condition], now: int) -> pl.Expr:
    """True where one of the conditions holds; there must be at least one."""
    return functools.reduce(operator.or_, (condition_expression(condition, now) for condition in conditions))


def in_force(condition: Condition, now: int) -> bool:
    """Whether ``now`` is within the condition's ``from`` and ``until``, the dates themselves included."""
    if condition.until is not None and now > parse_time(condition.until, now):
        return False
    return condition.since is None or now >= parse_time(condition.since, now)


def variables_of(conditions: Iterable[Condition]) -> set[str]:
    """Names of the variables: the columns that the expressions need."""
    return {predicate.variable for condition in conditions for predicate in condition.predicates}


def with_variables(frame: pl.LazyFrame, names: Iterable[str]) -> pl.LazyFrame:
    """The frame with the named variables, all of one level, added; it must have their level's COLUMNS they compute from."""
    return frame.with_columns(_computed(VARIABLES[name]) for name in sorted(names))


def _computed(variable: Variable) -> pl.Expr:
    return variable.compute.alias(variable.name)


def _positive(predicate: Predicate, kind: str, now: int) -> pl.Expr:
    variable = VARIABLES[predicate.variable]
    column = pl.col(variable.name)
    if variable.type == "enum":
        column = column.cast(pl.String)
    if kind == "true":
        return column.fill_null(False)
    if kind == "=~":
        return regex_matches(column, str(predicate.operand)).fill_null(False)
    values = _values(variable, predicate, now)
    if kind in _COMPARISONS:
        compared: pl.Expr = _COMPARISONS[kind](column, values[0])
        return compared.fill_null(False)
    return _is_any(variable, column, values).fill_null(False)


def _is_any(variable: Variable, column: pl.Expr, values: list[Any]) -> pl.Expr:
    globs = [value for value in values if variable.type == "text" and isinstance(value, str) and is_glob(value)]
    plain = [value for value in values if value not in globs]
    tests = [glob_matches(column, glob) for glob in globs]
    if len(plain) == 1:
        tests.append(column == plain[0])
    elif plain or not globs:
        dtype = pl.String if variable.type in ("text", "enum") else pl.Float64
        tests.append(column.cast(dtype).is_in(pl.Series(plain, dtype=dtype).implode()))
    return functools.reduce(operator.or_, tests)


def _values(variable: Variable, predicate: Predicate, now: int) -> list[Any]:
    operand = predicate.operand
    values = list(operand) if isinstance(operand, tuple) else [operand]
    if variable.type == "time":
        return [parse_time(str(value), now) for value in values]
    return values
