"""The answers of a policy's predicates over the image, as boolean arrays that are kept true while it shrinks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detox.columns import OF_PARTS, Columns, ImageColumns, Part, columns_of
from detox.image import Image
from detox.lookup import answers_of, tables_of
from detox.segments import Array
from inventory.policy.compiler import in_force
from inventory.policy.model import Line, Policy, Predicate
from inventory.policy.variables import LEVELS, VARIABLES

_OUTER = ("dataset", "replica", "site")
_FEW = 256


class Test(NamedTuple):
    """A predicate of the stack: its place among all, its level, and what its answer follows as the image shrinks.

    ``kind``: "fixed": nothing; "own": the replica's own blocks; "counted": the other replicas too. ``of_parts``: whether
    it is another while only a part of the replica is left.
    """

    number: int
    predicate: Predicate
    level: str
    kind: str
    of_parts: bool


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
            _compiled(line, tests) for line in policy.lines if not line.condition or in_force(line.condition, now)
        )
        self._tests = tuple(tests.values())
        self.volatile = any(test.kind != "fixed" for test in self._tests)
        self._part_tests = [test for test in self._tests if test.of_parts]
        every = {
            level: np.arange(size)
            for level, size in zip(
                LEVELS, (len(image.dataset_number), len(image.replica_dataset), len(image.present), len(image.sites)), strict=True
            )
        }  # fmt: skip
        self._answers = [np.zeros(len(every[test.level]), np.bool_) for test in self._tests]
        self._tables = tables_of(
            {test.number: test.predicate for test in self._tests if test.kind == "counted"}, len(image.sites), now
        )
        self._parts: dict[int, tuple[bytes, list[bool]]] = {}
        self._ask(self._tests, every)

    def of(self, test: Test) -> Array:
        """The answers of a test."""
        return self._answers[test.number]

    def refresh(self, datasets: Array, changed: Array) -> None:
        """Ask again what may have changed for the datasets, whose counts are true; ``changed``: replicas that lost blocks."""
        counted = [test for test in self._tests if test.kind == "counted"]
        if counted:
            replicas = self._image.replicas_of(datasets)
            rows, _ = self._image.rows_of(replicas)
            self._ask(counted, {"dataset": datasets, "replica": replicas, "block": rows})
        left = changed[self._image.replica["num_blocks"][changed] > 0]
        if len(left):
            self._ask([test for test in self._tests if test.kind == "own"], {"replica": left})

    def reowned(self, rows: Array) -> None:
        """Ask again what depends on the owner of the rows."""
        if len(rows):
            self._ask([test for test in self._tests if test.level == "block"], {"block": rows})

    def of_parts(self, level: str, replicas: Array, part: Part) -> dict[int, Array]:
        """Answers, by number of the test, of all ``of_parts`` tests of the level, for replicas with only a part left."""
        tests = [test for test in self._part_tests if test.level == level]
        if level == "dataset":
            return self._found(tests, self._columns.of_datasets(_columns_for(tests), replicas, part))
        own = [test for test in tests if test.kind == "own"]
        counted = [test for test in tests if test.kind == "counted"]
        found = self._of_own_parts(own, replicas, part) if own else {}
        return found | self._evaluate("replica", counted, replicas, part)

    def _of_own_parts(self, tests: list[Test], replicas: Array, part: Part) -> dict[int, Array]:
        """The same for what follows the own blocks only; that of a few replicas is remembered while their parts stay the same."""
        if len(replicas) > _FEW:
            return self._evaluate("replica", tests, replicas, part)
        ends = np.cumsum(part.counts)
        keys = [part.rows[end - count : end].tobytes() for end, count in zip(ends, part.counts, strict=True)]
        known = [
            self._parts.get(replica, (b"", []))[0] == key for replica, key in zip(replicas.tolist(), keys, strict=True)
        ]
        asked = np.flatnonzero(~np.array(known))
        if len(asked):
            rows = part.rows[np.repeat(~np.array(known), part.counts)]
            found = self._evaluate("replica", tests, replicas[asked], Part(rows, part.counts[asked]))
            for place, answers in zip(
                asked.tolist(), zip(*(found[test.number] for test in tests), strict=True), strict=True
            ):
                self._parts[int(replicas[place])] = (keys[place], list(answers))
        remembered = zip(*(self._parts[replica][1] for replica in replicas.tolist()), strict=True)
        return {test.number: np.array(answers) for test, answers in zip(tests, remembered, strict=True)}

    def _ask(self, tests: Sequence[Test], index: Mapping[str, Array]) -> None:
        by_owner = [test for test in tests if test.level == "block" and _only_owner(test)]
        if by_owner:
            rows = index["block"]
            for number, answers in self._polars(by_owner, self._columns.of_groups()).items():
                self._answers[number][rows] = answers[self._image.rows.owner[rows]]
        for level, places in index.items():
            asked = [test for test in tests if test.level == level and test not in by_owner]
            if asked and len(places):
                for number, answers in self._evaluate(level, asked, places).items():
                    self._answers[number][places] = answers

    def _evaluate(self, level: str, tests: Sequence[Test], index: Array, part: Part | None = None) -> dict[int, Array]:
        """Answers by number of the test, from tables where there are some, else by Polars."""
        if not tests:
            return {}
        return self._found(tests, self._columns.of(level, _columns_for(tests), index, part))

    def _found(self, tests: Sequence[Test], columns: Columns) -> dict[int, Array]:
        found: dict[int, Array] = {}
        for variable, table in self._tables.items():
            wanted = [test.number for test in tests if test.predicate.variable == variable]
            if wanted:
                found |= table.look_up(columns, wanted)
        rest = [test for test in tests if test.number not in found]
        return found | self._polars(rest, columns)

    def _polars(self, tests: Sequence[Test], columns: Columns) -> dict[int, Array]:
        if not tests:
            return {}
        predicates = {test.number: test.predicate for test in tests}
        return answers_of(predicates, columns, self._now)


def _compiled(line: Line, tests: dict[tuple[object, ...], Test]) -> StackLine:
    found = []
    for predicate in line.condition.predicates if line.condition else ():
        key = (predicate.variable, predicate.operator, predicate.operand)
        level, kind = VARIABLES[predicate.variable].level, _kind(predicate)
        of_parts = kind != "fixed" and (level == "replica" or not OF_PARTS.isdisjoint(columns_of([predicate.variable])))
        found.append(tests.setdefault(key, Test(len(tests), predicate, level, kind, of_parts)))
    outer = sorted((test for test in found if test.level in _OUTER), key=lambda test: _OUTER.index(test.level))
    return StackLine(line, tuple(outer), tuple(test for test in found if test.level == "block"))


def _kind(predicate: Predicate) -> str:
    variable = VARIABLES[predicate.variable]
    if not variable.volatile:
        return "fixed"
    counted = any(name.startswith("count_") for name in variable.compute.meta.root_names())
    return "own" if variable.level == "replica" and not counted else "counted"


def _columns_for(tests: Iterable[Test]) -> list[str]:
    return sorted(columns_of(test.predicate.variable for test in tests))


def _only_owner(test: Test) -> bool:
    """Whether the answer follows from the owner alone, so that it need be found only once for each group."""
    return VARIABLES[test.predicate.variable].compute.meta.root_names() == ["owner"]
