"""Answers of predicates over columns, by Polars; and tables of all possible answers where the columns are small counts.

A cycle asks again after every pass, for a few datasets: what comes from a table then costs one array access.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from detox.columns import Columns, columns_of
from detox.segments import Array
from inventory.policy.compiler import predicate_expression, with_variables
from inventory.policy.model import Predicate

_BOOLEANS = ("complete", "at_ready_disk", "locked", "enforcer_protected")
_MOST = 1_000_000


@dataclass(frozen=True)
class Table:
    """The answers for all values of some columns: ``factors`` say where a combination of values stands."""

    factors: dict[str, int]
    answers: dict[int, Array]

    def look_up(self, columns: Columns, numbers: Sequence[int]) -> dict[int, Array]:
        """Answers of the predicates of these numbers for each row of the columns."""
        place = sum(np.asarray(columns[name], np.int64) * factor for name, factor in self.factors.items())
        return {number: self.answers[number][place] for number in numbers}


def answers_of(predicates: Mapping[int, Predicate], columns: Columns, now: int) -> dict[int, Array]:
    """Answers by the predicates' numbers; all are of one level, whose columns they need."""
    expressions = [predicate_expression(predicate, now).alias(str(number)) for number, predicate in predicates.items()]
    names = {predicate.variable for predicate in predicates.values()}
    frame = pl.LazyFrame(columns) if columns else pl.LazyFrame({"": [False]})
    found = with_variables(frame, names).select(expressions).collect()
    return {number: found[str(number)].to_numpy() for number in predicates}


def tables_of(predicates: Mapping[int, Predicate], sites: int, now: int) -> dict[str, Table]:
    """By variable, the tables of those predicates whose columns are counts of replicas, at most one a site, or booleans."""
    tables = {}
    for variable in {predicate.variable for predicate in predicates.values()}:
        sizes = _sizes(variable, sites)
        if sizes is not None:
            wanted = {number: predicate for number, predicate in predicates.items() if predicate.variable == variable}
            tables[variable] = _table(wanted, sizes, now)
    return tables


def _sizes(variable: str, sites: int) -> dict[str, int] | None:
    """How many values each column has; None where one has too many for a table."""
    sizes = {}
    for name in sorted(columns_of([variable])):
        if not name.startswith("count_") and name not in _BOOLEANS:
            return None
        sizes[name] = 2 if name in _BOOLEANS else sites + 1
    if not sizes or np.prod(list(sizes.values())) > _MOST:
        return None
    return sizes


def _table(predicates: Mapping[int, Predicate], sizes: Mapping[str, int], now: int) -> Table:
    places = np.indices(tuple(sizes.values())).reshape(len(sizes), -1)
    columns: Columns = {
        name: values.astype(np.bool_) if name in _BOOLEANS else values
        for name, values in zip(sizes, places, strict=True)
    }
    factors = np.cumprod([1, *list(sizes.values())[:0:-1]])[::-1].tolist()
    return Table(dict(zip(sizes, factors, strict=True)), answers_of(predicates, columns, now))
