"""What predicates leave of the values that variables can have, exactly: unions, complements, and whether anything is left.

Numbers, times, named values and booleans have cells: the operands that are asked for, and what lies between them. A set of
them is the bits of an integer. Texts have patterns: some of each of ``wanted``, none of ``unwanted``.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inventory.policy.lint.globs import Patterns, no_text
from inventory.policy.model import Condition, Predicate
from inventory.policy.times import parse_time
from inventory.policy.variables import BUILT_IN, VARIABLES, Variable

_NOT_NEGATIVE = frozenset({
    "dataset.size", "dataset.num_full_disk_copy", "dataset.num_full_copy", "replica.size",
    "replica.num_full_disk_copy_common_owner", "replica.num_full_other_copy_common_owner",
    "blockreplica.num_full_disk_copy", "site.occupancy",
})  # fmt: skip
_FRACTIONS = frozenset({"dataset.usage_rank", "dataset.demand_rank", "site.occupancy", "site.quota"})
_REGEX = "\n"
"""Before a pattern: it is a regular expression (no operand holds a line's end), of which only itself is known to be implied."""


@dataclass(frozen=True)
class Texts:
    """Texts that match one of each of ``wanted`` and none of ``unwanted``; ``missing``: a value that is not there is among them."""

    wanted: tuple[Patterns, ...] = ()
    unwanted: Patterns = ()
    missing: bool = False

    def and_(self, other: Texts) -> Texts:
        return Texts(
            tuple(sorted({*self.wanted, *other.wanted})), tuple(sorted({*self.unwanted, *other.unwanted})),
            self.missing and other.missing,
        )  # fmt: skip

    def is_empty(self) -> bool:
        """Whether it is certain that nothing is left."""
        if self.missing:
            return False
        if any(set(patterns) <= set(self.unwanted) for patterns in self.wanted):
            return True
        globs = tuple(patterns for patterns in self.wanted if not any(map(_is_regex, patterns)))
        return no_text(globs, tuple(pattern for pattern in self.unwanted if not _is_regex(pattern)))


def _is_regex(pattern: str) -> bool:
    return pattern.startswith(_REGEX)


@dataclass(frozen=True)
class Cells:
    """A set of cells."""

    bits: int

    def and_(self, other: Cells) -> Cells:
        return Cells(self.bits & other.bits)

    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not self.bits


Values = Texts | Cells
Box = Mapping[str, Values]
"""Values by dimension; one that is not named can have any."""


class Space:
    """The values of all variables, cut where the given predicates cut them; times as they are at ``now`` (UTC seconds)."""

    def __init__(self, predicates: Iterable[Predicate], now: int) -> None:
        self._now = now
        asked: dict[str, set[float]] = {}
        for predicate in predicates:
            variable = VARIABLES[predicate.variable]
            if variable.numeric:
                asked.setdefault(variable.name, set()).update(self._numbers(predicate))
        self._cuts = {name: sorted(numbers) for name, numbers in asked.items()}
        self._possible = {name: _possible(VARIABLES[name], cuts) for name, cuts in self._cuts.items()}

    def holds(self, predicate: Predicate) -> Values:
        """The values for which the predicate holds."""
        return self._sides(predicate)[0]

    def fails(self, predicate: Predicate) -> Values:
        """The values for which it does not hold."""
        return self._sides(predicate)[1]

    def everything(self, predicate: Predicate) -> Values:
        """All values that its variable can have."""
        variable = VARIABLES[predicate.variable]
        if variable.type == "text":
            return Texts(missing=variable.name not in BUILT_IN)
        return Cells(self._all(variable))

    def _all(self, variable: Variable) -> int:
        if variable.numeric:
            return self._possible[variable.name]
        if variable.type == "bool":
            return 0b11
        # The last bit: no value, which only an installation's own variables can have.
        return (1 << len(variable.values) + (variable.name not in BUILT_IN)) - 1

    def _sides(self, predicate: Predicate) -> tuple[Values, Values]:
        variable = VARIABLES[predicate.variable]
        negative = predicate.operator in ("not", "!=", "!=~", "notin")
        if variable.type == "text":
            missing = variable.name not in BUILT_IN
            patterns = _patterns(predicate)
            sides: tuple[Values, Values] = Texts(wanted=(patterns,)), Texts(unwanted=patterns, missing=missing)
        else:
            every = self._all(variable)
            bits = self._bits(variable, predicate) & every
            sides = Cells(bits), Cells(every & ~bits)
        return (sides[1], sides[0]) if negative else sides

    def _bits(self, variable: Variable, predicate: Predicate) -> int:
        if variable.type == "bool":
            return {"always": 0b11, "never": 0}.get(variable.name, 0b01)
        if variable.type == "enum":
            named = {predicate.operand} if isinstance(predicate.operand, str) else set(predicate.operand or ())  # type: ignore[arg-type]
            return sum(1 << place for place, value in enumerate(variable.values) if value in named)
        cuts = self._cuts[variable.name]
        points = [2 * bisect_left(cuts, number) + 1 for number in self._numbers(predicate)]
        if predicate.operator in ("<", "older_than"):
            return (1 << points[0]) - 1
        if predicate.operator in (">", "newer_than"):
            return (1 << 2 * len(cuts) + 1) - (1 << points[0] + 1)
        return sum(1 << point for point in set(points))

    def _numbers(self, predicate: Predicate) -> list[float]:
        operands = predicate.operand if isinstance(predicate.operand, tuple) else (predicate.operand,)
        return [
            parse_time(operand, self._now) if isinstance(operand, str) else float(operand)
            for operand in operands if operand is not None
        ]  # fmt: skip


def _patterns(predicate: Predicate) -> Patterns:
    operands = predicate.operand if isinstance(predicate.operand, tuple) else (predicate.operand,)
    mark = _REGEX if predicate.operator in ("=~", "!=~") else ""
    return tuple(sorted({mark + str(operand) for operand in operands}))


def _possible(variable: Variable, cuts: list[float]) -> int:
    """The cells that hold a value: even bits lie between the cuts, odd ones are the cuts; the last is `no value`."""
    whole = variable.name in BUILT_IN and variable.name not in _FRACTIONS
    least = 0.0 if variable.name in _NOT_NEGATIVE else -math.inf
    bits = 0
    for place, (low, high) in enumerate(zip([-math.inf, *cuts], [*cuts, math.nan], strict=True)):
        bits |= _between(low, high, least, whole) << 2 * place
        bits |= (high >= least and (not whole or float(high).is_integer())) << 2 * place + 1 if place < len(cuts) else 0
    return bits if variable.name in BUILT_IN else bits | 1 << 2 * len(cuts) + 1


def _between(low: float, high: float, least: float, whole: bool) -> bool:
    """Whether a value lies between the two; nan: no end, where `not a number` has its place, too."""
    if math.isnan(high):
        return True
    if high <= least:
        return False
    if not whole or max(low, least) == -math.inf:
        return True
    return low < least or math.floor(low) + 1 < high


def box_of(space: Space, predicates: Iterable[Predicate], dimension: Mapping[str, str]) -> dict[str, Values] | None:
    """What a conjunction leaves; ``dimension``: another name for a variable's dimension. None: nothing."""
    box: dict[str, Values] = {}
    for predicate in predicates:
        if (
            narrowed := narrow(box, dimension.get(predicate.variable, predicate.variable), space.holds(predicate))
        ) is None:
            return None
        box = narrowed
    return box


def narrow(box: Box, name: str, values: Values) -> dict[str, Values] | None:
    """The box with only ``values`` in one dimension; None: nothing is left."""
    known = box.get(name)
    left = values if known is None else known.and_(values)  # type: ignore[arg-type]
    return None if left.is_empty() else {**box, name: left}


def predicates_of(conditions: Iterable[Condition]) -> list[Predicate]:
    """All predicates."""
    return [predicate for condition in conditions for predicate in condition.predicates]
