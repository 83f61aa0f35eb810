"""Lines that can never match: proofs, from the order in which a cycle reads the stack, that nothing is left for them.

A line looks at what is left of one replica: at one or more block replicas. Whatever block replica it would take was left by
every line above, so it fails at least one predicate of each. If the values that the line asks for leave no room for that, it never
matches. What changes while blocks leave the replica (``volatile`` variables) is another dimension after a line that takes some of
them. A line of replicas asks of blocks only that each predicate holds for *some* block left; so each counts for itself.

All is said for one moment; ``Reach.of`` asks for several from now on, as times and dates move against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory.policy.compiler import in_force
from inventory.policy.errors import TimeError
from inventory.policy.lint.space import Box, Space, box_of, narrow, predicates_of
from inventory.policy.model import Condition, Line, Policy, Predicate
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES

_DAY = 86_400
_LATER = (3600, *(_DAY * days for days in (1, *range(6, 800, 6), 1096, 1470)))
"""Months and years are of different lengths: all days of two years are seen, near enough."""
_MOST_STEPS = 4_000
"""Boxes looked at for one line; one that needs more is taken for one that matches."""
_MOST_WORK = 50_000
"""Comparisons of a box with a line, for one policy; the lines that are left then are not looked at."""


@dataclass(frozen=True)
class Verdict:
    """Why a line never matches: ``kind`` is "taken" (by ``lines``), "contradiction" or "nowhere" (no target site)."""

    kind: str
    lines: tuple[Line, ...] = ()


@dataclass
class Budget:
    """What may still be done for a policy."""

    work: int = _MOST_WORK

    @property
    def spent(self) -> bool:
        return self.work <= 0


@dataclass(frozen=True)
class _Earlier:
    line: Line
    predicates: tuple[tuple[str, Predicate], ...]


def unreachable(policy: Policy, now: int, budget: Budget) -> dict[int, Verdict]:
    """Verdicts by number of line, for lines that never match from ``now`` (UTC seconds) on."""
    found = _at(policy, now, None, budget)
    for moment in _moments(policy, now) if found else ():
        again = _at(policy, moment, set(found), budget)
        found = {number: verdict for number, verdict in found.items() if number in again}
    return found


def _moments(policy: Policy, now: int) -> list[int]:
    """Moments at which it is asked again: later ones, and both sides of every date."""
    conditions = [*policy.on, *(line.condition for line in policy.stack if line.condition)]
    dates = {date for one in conditions for date in (one.until, one.since) if date is not None}
    timed = any(VARIABLES[one.variable].type == "time" for one in predicates_of(conditions))
    near = {moment + step for date in sorted(dates)[:100] for moment in _parsed(date, now) for step in (-1, 0, 1)}
    later = {now + step for step in _LATER} if timed or dates else set()
    return sorted(moment for moment in near | later if now < moment < now + 20 * 365 * _DAY)


def _parsed(date: str, now: int) -> list[int]:
    try:
        return [parse_time(date, now)]
    except TimeError:  # it had a meaning when the policy was read
        return []


def _at(policy: Policy, now: int, only: set[int] | None, budget: Budget) -> dict[int, Verdict]:
    """Verdicts for one moment; lines that are not in force then count as matching nothing."""
    stack = [line for line in policy.stack if line.condition]
    try:
        alive = [line for line in stack if line.condition and in_force(line.condition, now)]
        targets = [one for one in policy.on if in_force(one, now)]
        space = Space(predicates_of([*targets, *(line.condition for line in alive if line.condition)]), now)
    except TimeError:  # a time that has no meaning so far ahead
        return {line.number: Verdict("late") for line in stack}
    asleep = {line.number: Verdict("asleep") for line in stack if line not in alive and only is not None}
    return asleep | _Stack(space, alive, targets, budget).verdicts(only)


@dataclass
class _Stack:
    """The lines in force at one moment."""

    space: Space
    lines: list[Line]
    targets: list[Condition]
    budget: Budget
    epochs: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.epochs = []
        number = 0
        for line in self.lines:
            self.epochs.append(number)
            number += _splits(line)

    def verdicts(self, only: set[int] | None) -> dict[int, Verdict]:
        found: dict[int, Verdict] = {}
        for place, line in enumerate(self.lines):
            if self.budget.spent:
                break
            if (only is None or line.number in only) and (verdict := self._verdict(place, line)):
                found[line.number] = verdict
        return found

    def _verdict(self, place: int, line: Line) -> Verdict | None:
        asked = [box_of(self.space, predicates, {}) for predicates in _asked(line)]
        boxes = [box for box in asked if box is not None]
        if len(boxes) < len(asked):
            return Verdict("contradiction")
        starts = [[box for target in self.targets if (box := self._within(one, target)) is not None] for one in boxes]
        if not all(starts):
            return Verdict("nowhere")
        earlier = self._earlier(place)
        for begin in starts:
            if (used := self._covered(begin, earlier)) is not None:
                return Verdict("taken", self._fewest(begin, used))
        decided = next((other.line for other in earlier if self._implied(line, other, place)), None)
        return Verdict("taken", (decided,)) if decided else None

    def _within(self, box: Box, target: Condition) -> Box | None:
        left: Box | None = box
        for predicate in target.predicates:
            left = narrow(left, predicate.variable, self.space.holds(predicate)) if left is not None else None
        return left

    def _earlier(self, place: int) -> list[_Earlier]:
        """Lines above with the dimensions in which they are compared with the line at ``place``."""
        found = []
        for line, epoch in zip(self.lines[:place], self.epochs, strict=False):
            last = epoch + _splits(line) == self.epochs[place]
            # Texts last: what they leave is the slowest to find out.
            predicates = sorted(line.condition.predicates, key=_is_text) if line.condition else ()
            named = tuple((one.variable if last else _dimension(one, epoch), one) for one in predicates)
            found.append(_Earlier(line, named))
        return found

    def _covered(self, begin: Sequence[Box], earlier: Sequence[_Earlier]) -> list[_Earlier] | None:
        """The lines that together leave nothing of the boxes; None when something is left, or it would take too long to tell."""
        waiting = [(box, 0) for box in begin]
        used: set[int] = set()
        for _ in range(_MOST_STEPS):
            if not waiting:
                return [earlier[place] for place in sorted(used)]
            box, place = waiting.pop()
            while place < len(earlier) and not self._meets(box, earlier[place]):
                place += 1
            if place == len(earlier) or self.budget.spent:
                return None
            used.add(place)
            waiting += [(piece, place + 1) for piece in self._outside(box, earlier[place])]
        return None

    def _meets(self, box: Box, other: _Earlier) -> bool:
        self.budget.work -= 1
        for name, predicate in other.predicates:
            narrowed = narrow(box, name, self.space.holds(predicate))
            if narrowed is None:
                return False
            box = narrowed
        return True

    def _outside(self, box: Box, other: _Earlier) -> list[Box]:
        """What the line leaves of the box, in pieces."""
        pieces: list[Box] = []
        for name, predicate in other.predicates:
            if (piece := narrow(box, name, self.space.fails(predicate))) is not None:
                pieces.append(piece)
            if (inside := narrow(box, name, self.space.holds(predicate))) is None:
                break
            box = inside
        return pieces

    def _fewest(self, begin: Sequence[Box], used: list[_Earlier]) -> tuple[Line, ...]:
        for other in used:
            if self._covered(begin, [other]) is not None:
                return (other.line,)
        for other in list(used):
            rest = [one for one in used if one is not other]
            used = rest if self._covered(begin, rest) is not None else used
        return tuple(other.line for other in used)

    def _implied(self, line: Line, other: _Earlier, place: int) -> bool:
        """Both lines are of replicas: whether each that the earlier one asks for is asked for by the later one, each for itself."""
        if _splits(line) or _splits(other.line) or not line.condition:
            return False
        common = [one for one in line.condition.predicates if not _of_block(one)]
        whole = box_of(self.space, common, {}) or {}
        for name, wanted in other.predicates:
            given = [box_of(self.space, [one], {}) or {} for one in line.condition.predicates if _of_block(one)]
            boxes = given if _of_block(wanted) else [whole]
            if not any(narrow(box, name, self.space.fails(wanted)) is None for box in boxes):
                return False
        return True


def _of_block(predicate: Predicate) -> bool:
    return VARIABLES[predicate.variable].level == "block"


def _is_text(predicate: Predicate) -> bool:
    return VARIABLES[predicate.variable].type == "text"


def _splits(line: Line) -> bool:
    """Whether the line may take a part of the blocks: one that asks nothing of blocks takes all or none."""
    return line.by_block and line.condition is not None and any(map(_of_block, line.condition.predicates))


def _asked(line: Line) -> list[list[Predicate]]:
    """Conjunctions, each of which holds for some block that is left where the line matches."""
    predicates = list(line.condition.predicates) if line.condition else []
    of_blocks = [one for one in predicates if _of_block(one)]
    if line.by_block or not of_blocks:
        return [predicates]
    common = [one for one in predicates if not _of_block(one)]
    return [[*common, one] for one in of_blocks]


def _dimension(predicate: Predicate, epoch: int) -> str:
    """The variable as it was before blocks left: another dimension, where that changes it."""
    variable = VARIABLES[predicate.variable]
    moves = variable.volatile and variable.level in ("dataset", "replica")
    return f"{variable.name} @{epoch}" if moves else variable.name
