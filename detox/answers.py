"""The answers of a policy's predicates over the image, as boolean arrays that are kept true while it shrinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from detox.columns import ImageColumns
from detox.image import Image
from detox.segments import Array
from inventory.policy.compiler import in_force, predicate_expression, with_variables
from inventory.policy.model import Line, Policy, Predicate
from inventory.policy.variables import VARIABLES, Variable

_OUTER = ("dataset", "replica", "site")


class Test(NamedTuple):
    """A predicate of the stack: its place among all, its level, and whether the answer changes as the image shrinks."""

    number: int
    predicate: Predicate
    level: str
    volatile: bool


@dataclass(frozen=True)
class StackLine:
    """A line with its tests: ``outer`` ones have one answer for a replica, ``inner`` ones one for each of its blocks."""

    line: Line
    outer: tuple[Test, ...]
    inner: tuple[Test, ...]


class Answers:
    """``of(test)``: the answers by dataset, replica, block replica or site, whatever the test's level is."""

    def __init__(self, image: Image, columns: ImageColumns, policy: Policy, now: int) -> None:
        self._image, self._columns, self._now = image, columns, now
        tests: dict[tuple[object, ...], Test] = {}
        self.lines = tuple(
            self._compiled(line, tests) for line in policy.lines if not line.condition or in_force(line.condition, now)
        )
        self._tests = tuple(tests.values())
        self.volatile = any(test.volatile for test in self._tests)
        sizes = {
            "dataset": len(image.dataset_number), "replica": len(image.replica_dataset),
            "block": len(image.present), "site": len(image.sites),
        }  # fmt: skip
        self._answers = [np.zeros(sizes[test.level], np.bool_) for test in self._tests]
        everything = {level: np.arange(size) for level, size in sizes.items()}
        self._ask(self._tests, everything["dataset"], everything["replica"], everything["block"])

    def of(self, test: Test) -> Array:
        """The answers of a test."""
        return self._answers[test.number]

    def refresh(self, datasets: Array) -> None:
        """Ask again what may have changed for the datasets, whose counts are true."""
        volatile = [test for test in self._tests if test.volatile]
        if volatile:
            replicas = self._image.replicas_of(datasets)
            rows, _ = self._image.rows_of(replicas)
            self._ask(volatile, datasets, replicas, rows)

    def reowned(self, rows: Array) -> None:
        """Ask again what depends on the owner of the rows."""
        self._ask([test for test in self._tests if test.level == "block"], rows[:0], rows[:0], rows)

    def of_parts(self, tests: list[Test], replicas: Array, rows: Array, counts: Array) -> list[Array]:
        """Answers of tests at replica level for replicas that have only ``counts`` of ``rows`` left."""
        return self._evaluate(tests, self._columns.of_parts(replicas, rows, counts))

    def replica_tests(self) -> list[Test]:
        """Tests at replica level whose answer depends on the blocks that are left."""
        return [test for test in self._tests if test.level == "replica" and test.volatile]

    def _compiled(self, line: Line, tests: dict[tuple[object, ...], Test]) -> StackLine:
        found = []
        for predicate in line.condition.predicates if line.condition else ():
            variable = VARIABLES[predicate.variable]
            key = (predicate.variable, predicate.operator, predicate.operand)
            test = tests.setdefault(key, Test(len(tests), predicate, variable.level, variable.volatile))
            found.append(test)
        outer = sorted((test for test in found if test.level in _OUTER), key=lambda test: _OUTER.index(test.level))
        return StackLine(line, tuple(outer), tuple(test for test in found if test.level == "block"))

    def _ask(self, tests: list[Test] | tuple[Test, ...], datasets: Array, replicas: Array, rows: Array) -> None:
        by_owner = [test for test in tests if test.level == "block" and _only_owner(VARIABLES[test.predicate.variable])]
        for test, answers in zip(by_owner, self._evaluate(by_owner, self._columns.owner_names), strict=True):
            self.of(test)[rows] = answers[self._image.rows.owner[rows]]
        others = [test for test in tests if test not in by_owner]
        for level, index, frame in (
            ("dataset", datasets, self._columns.of_datasets),
            ("replica", replicas, self._columns.of_replicas),
            ("block", rows, self._columns.of_rows),
        ):
            asked = [test for test in others if test.level == level]
            if asked and len(index):
                for test, answers in zip(asked, self._evaluate(asked, frame(index)), strict=True):
                    self.of(test)[index] = answers
        at_sites = [test for test in others if test.level == "site"]
        for test, answers in zip(at_sites, self._evaluate(at_sites, self._columns.of_sites()), strict=True):
            self.of(test)[:] = answers

    def _evaluate(self, tests: list[Test], frame: pl.DataFrame) -> list[Array]:
        if not tests:
            return []
        expressions = [predicate_expression(test.predicate, self._now).alias(str(test.number)) for test in tests]
        names = {test.predicate.variable for test in tests}
        found = with_variables(frame.lazy(), names).select(expressions).collect()
        return [found[str(test.number)].to_numpy() for test in tests]


def _only_owner(variable: Variable) -> bool:
    """Whether the answer follows from the owner alone, so that it need be found only once for each group."""
    return variable.compute.meta.root_names() == ["owner"]
