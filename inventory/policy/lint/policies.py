"""Findings on one policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from inventory.policy.errors import TimeError, nearest
from inventory.policy.lint.conditions import KnownNames, Place, lint_condition
from inventory.policy.lint.findings import Finding
from inventory.policy.lint.reach import Budget, Verdict, unreachable
from inventory.policy.lint.space import Box, Space, box_of, narrow, predicates_of
from inventory.policy.model import Condition, Line, Policy, Predicate
from inventory.policy.variables import VARIABLES

_SHOWN = 60
_SHOWN_LINES = 5


def lint(policy: Policy, known: KnownNames | None, now: int) -> list[Finding]:
    """Findings on a policy, in order of place; ``now`` (UTC seconds) decides which dates are past."""
    known = known or KnownNames()
    place = Place(policy.file)
    found = [*_whole(policy, known), *_lines(policy, now), *_counted(policy), *_order(policy)]
    conditions = [*policy.on, *policy.when, *policy.until, *(line.condition for line in policy.stack if line.condition)]
    for condition in conditions:
        found += lint_condition(condition, known, now, place.file)
    # Variables of an installation's own may compare times of sites, which have no meaning for every `now`.
    with suppress(TimeError):
        found += _sites(policy, Space(predicates_of([*policy.on, *policy.when, *policy.until]), now))
    return sorted(set(found), key=lambda finding: (finding.line, finding.column, finding.code))


def _whole(policy: Policy, known: KnownNames) -> Iterator[Finding]:
    default = policy.default
    if known.partitions is not None and policy.partition not in known.partitions:
        what = f"no partition {policy.partition[:_SHOWN]!r} exists{nearest(policy.partition, known.partitions)}"
        yield Place(policy.file, *_statement(policy.text, "Partition")).found("DL303", what)
    if default.action == "Delete":
        yield Place(policy.file, default.line).found("DL402", "the default is Delete")
    for line in policy.stack:
        if line.line > default.line:
            yield Place(policy.file, line.line).found("DL104", f"the default is in line {default.line}")


def _lines(policy: Policy, now: int) -> Iterator[Finding]:
    budget = Budget()
    verdicts = unreachable(policy, now, budget)
    for line in policy.stack:
        if verdict := verdicts.get(line.number):
            yield _never(policy.file, line, verdict)
    if budget.spent:
        yield Place(policy.file).found(
            "DL110", f"{len(policy.stack)} lines: which of them never match was not found out"
        )


def _never(file: str, line: Line, verdict: Verdict) -> Finding:
    place = Place(file, line.line)
    if verdict.kind == "contradiction":
        return place.found("DL102", "never matches: its predicates contradict each other")
    if verdict.kind == "nowhere":
        return place.found("DL103", "never matches: no site that `On` chooses fits it")
    earlier = verdict.lines
    if len(earlier) == 1:
        named = f"line {earlier[0].line} (`{earlier[0].text[:_SHOWN]}`) takes"
    else:
        shown = ", ".join(str(other.line) for other in earlier[:_SHOWN_LINES])
        named = f"lines {shown}{' …' if len(earlier) > _SHOWN_LINES else ''} together take"
    return place.found("DL101", f"never matches: {named} all that it would")


def _counted(policy: Policy) -> Iterator[Finding]:
    """With `Algo Static` all candidates go in one pass, so that counts change under the lines that ask for them."""
    for line in policy.stack if policy.static else ():
        for predicate in line.condition.predicates if line.condition and line.decision != "Ignore" else ():
            if counts_copies(predicate):
                what = f"`Algo Static` takes all candidates in one pass, and {predicate.variable} changes while they go"
                yield Place(policy.file, predicate.line, predicate.column).found("DL401", what)


def counts_copies(predicate: Predicate) -> bool:
    """Whether the value depends on the other replicas that are there."""
    return any(name.startswith("count_") for name in VARIABLES[predicate.variable].compute.meta.root_names())


def _order(policy: Policy) -> Iterator[Finding]:
    place = Place(policy.file, *_statement(policy.text, "Order"))
    seen: set[str] = set()
    for key in policy.order:
        if key.variable in seen:
            yield place.found("DL404", f"{key.variable} orders a second time")
        seen.add(key.variable)
    if policy.order and not any(line.decision in ("Dismiss", "Delete") for line in policy.lines):
        yield place.found("DL404", "there is no line that deletes or dismisses: there is nothing to order")


def _statement(text: str, word: str) -> tuple[int, int]:
    """Line and column of the first statement that begins so."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.split()[:1] == [word]:
            return number, line.index(word) + 1
    return 1, 1


def _sites(policy: Policy, space: Space) -> Iterator[Finding]:
    """`On`, `When` and `Until` against each other."""
    for word, conditions in (("On", policy.on), ("When", policy.when), ("Until", policy.until)):
        yield from _adds_nothing(policy.file, word, conditions, space)
    when, until = _boxes(space, policy.when), _boxes(space, policy.until)
    dismisses = any(line.decision == "Dismiss" for line in policy.lines)
    if dismisses and not when:
        yield _at(policy.file, policy.when[0]).found("DL405", "no site ever matches `When`")
    for trigger, begin in when if dismisses else ():
        for stop, end in until:
            if _both(begin, end) is not None:
                what = f"a site can match `When {trigger.text[:_SHOWN]}` and `Until {stop.text[:_SHOWN]}` at once"
                yield _at(policy.file, stop).found("DL403", what)


def _boxes(space: Space, conditions: Sequence[Condition]) -> list[tuple[Condition, Box]]:
    boxes = ((one, box_of(space, one.predicates, {})) for one in conditions)
    return [(one, box) for one, box in boxes if box is not None]


def _both(one: Box, other: Box) -> Box | None:
    left: Box | None = one
    for name, values in other.items():
        left = narrow(left, name, values) if left is not None else None
    return left


def _adds_nothing(file: str, word: str, conditions: Sequence[Condition], space: Space) -> Iterator[Finding]:
    """Conditions that cannot hold, or hold only where an earlier one does."""
    for place, condition in enumerate(conditions):
        box = box_of(space, condition.predicates, {})
        if box is None and len(conditions) > 1:
            yield _at(file, condition).found("DL406", f"`{word} {condition.text[:_SHOWN]}` never holds")
        for earlier in conditions[:place] if box is not None else ():
            if not (earlier.until or earlier.since) and _within(space, box, earlier):
                what = f"`{word} {condition.text[:_SHOWN]}` holds only where line {_at(file, earlier).line} does"
                yield _at(file, condition).found("DL406", what)
                break


def _within(space: Space, box: Box | None, condition: Condition) -> bool:
    return box is not None and all(narrow(box, one.variable, space.fails(one)) is None for one in condition.predicates)


def _at(file: str, condition: Condition) -> Place:
    first = condition.predicates[0]
    return Place(file, first.line, first.column)
