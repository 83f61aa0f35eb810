"""What is allowed in a policy and yet probably not meant. Warnings only: a policy with warnings runs."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass

from inventory.policy.errors import nearest
from inventory.policy.model import Condition, Line, Policy, Predicate
from inventory.policy.patterns import is_glob
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES

_FRACTIONAL = {"site.occupancy", "site.quota", "dataset.usage_rank", "dataset.demand_rank"}
_WITHOUT_BLANKS = {"site.name", "dataset.name", "dataset.release"}
_COUNTS_COPIES = re.compile(r"num_full|on_tape|is_last_transfer_source")
_SECONDS_PER_DAY = 86400


@dataclass(frozen=True)
class KnownNames:
    """Names that exist; None where they are not known and therefore not checked."""

    sites: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    partitions: frozenset[str] | None = None


@dataclass(frozen=True)
class LintWarning:
    """One remark, with its place in the file (from 1)."""

    line: int
    column: int
    what: str


def lint(policy: Policy, known: KnownNames | None, now: int) -> list[LintWarning]:
    """Remarks on a policy, in order of place; ``now`` (UTC seconds) decides which dates are past."""
    known = known or KnownNames()
    found = [*_whole(policy, known), *_unreachable(policy), *_watermarks(policy)]
    lines = {line.condition: line.line for line in policy.stack if line.condition}
    for condition in (*policy.on, *policy.when, *policy.until, *lines):
        found += lint_condition(condition, known, now)
    return sorted(found, key=lambda warning: (warning.line, warning.column))


def lint_condition(condition: Condition, known: KnownNames | None, now: int) -> list[LintWarning]:
    """Remarks on one condition."""
    found = list(_dates(condition, now))
    for predicate in condition.predicates:
        found += (
            LintWarning(predicate.line, predicate.column, what) for what in _predicate(predicate, known or KnownNames())
        )
    return found + list(_contradictions(condition))


def _whole(policy: Policy, known: KnownNames) -> Iterator[LintWarning]:
    default = policy.default
    if known.partitions is not None and policy.partition not in known.partitions:
        yield LintWarning(
            1, 1, f"no partition {policy.partition!r} exists{nearest(policy.partition, known.partitions)}"
        )
    if default.action == "Delete":
        yield LintWarning(default.line, 1, "the default deletes whatever no line speaks of, trigger or not")
    for line in policy.stack:
        if line.line > default.line:
            yield LintWarning(line.line, 1, "stands after the default decision, which still comes last")
        if policy.static and line.decision in ("Delete", "Dismiss") and line.condition:
            for predicate in line.condition.predicates:
                if _COUNTS_COPIES.search(predicate.variable):
                    what = f"`Algo Static` takes all candidates in one pass, and {predicate.variable} changes while they go"
                    yield LintWarning(predicate.line, predicate.column, what)


def _predicate(predicate: Predicate, known: KnownNames) -> Iterator[str]:
    variable, operand = predicate.variable, predicate.operand
    if predicate.operator in ("==", "!=") and variable in _FRACTIONAL:
        yield f"{variable} is a fraction and hardly ever equal to a number; use < or >"
    names = operand if isinstance(operand, tuple) else (operand,)
    if predicate.operator in ("in", "notin") and not names:
        yield f"an empty list: {'always' if predicate.operator == 'notin' else 'never'} true"
    if predicate.operator in ("=~", "!=~") and isinstance(operand, str) and re.match(r"/?\*|.*/\*", operand):
        yield "looks like a glob, but is a regular expression; use == or != for globs"
    if predicate.operator not in ("==", "!=", "in", "notin"):
        return
    for name in names:
        if isinstance(name, str):
            yield from _name(variable, name, known)


def _name(variable: str, name: str, known: KnownNames) -> Iterator[str]:
    if VARIABLES[variable].type == "text" and re.search(r"\.\*|\[\^|\\[wds.]|\(\?", name):
        yield f"{name!r} looks like a regular expression, but is a glob; use =~"
    if variable in _WITHOUT_BLANKS and re.search(r"\s", name):
        yield f"{variable} holds no blanks, so it never equals {name!r}"
    existing = {"site.name": known.sites, "blockreplica.owner": known.groups}.get(variable)
    if existing is not None and name != "None" and not _exists(name, existing):
        what = "site" if variable == "site.name" else "group"
        yield f"no {what} {name!r} exists{nearest(name, existing)}"


def _exists(pattern: str, names: frozenset[str]) -> bool:
    if not is_glob(pattern):
        return pattern in names
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)


def _dates(condition: Condition, now: int) -> Iterator[LintWarning]:
    place = condition.predicates[0] if condition.predicates else Predicate("", "", None)
    for word, text in (("until", condition.until), ("from", condition.since)):
        if text is None:
            continue
        moment = parse_time(text, now)
        if word == "until" and moment < now:
            yield LintWarning(place.line, place.column, f"`until {text}` is past: this never holds any more")
        if moment - now == parse_time(text, now + _SECONDS_PER_DAY) - now - _SECONDS_PER_DAY:
            yield LintWarning(place.line, place.column, f"`{word} {text}` moves along with the present; give a date")


def _contradictions(condition: Condition) -> Iterator[LintWarning]:
    equal: dict[str, Predicate] = {}
    for predicate in condition.predicates:
        if predicate.operator != "==" or re.search(r"[*?]", str(predicate.operand)):
            continue
        first = equal.setdefault(predicate.variable, predicate)
        if first.operand != predicate.operand and VARIABLES[predicate.variable].level != "block":
            what = f"{predicate.variable} cannot equal {first.operand} and {predicate.operand} at once"
            yield LintWarning(predicate.line, predicate.column, what)


def _watermarks(policy: Policy) -> Iterator[LintWarning]:
    """A stop that already holds where the trigger fires ends it before anything is deleted."""
    for when in (condition.predicates[0] for condition in policy.when if len(condition.predicates) == 1):
        for until in (condition.predicates[0] for condition in policy.until if len(condition.predicates) == 1):
            same = (
                when.variable == until.variable and isinstance(when.operand, float) and isinstance(until.operand, float)
            )
            if same and (when.operator, until.operator) == (">", "<") and until.operand > when.operand:  # type: ignore[operator]
                what = f"a site stops at {until.operand:g} before its trigger at {when.operand:g}: nothing would be dismissed there"
                yield LintWarning(until.line, until.column, what)


def _unreachable(policy: Policy) -> Iterator[LintWarning]:
    """Lines whose condition implies that of an earlier one, which decides first."""
    for position, line in enumerate(policy.stack):
        for earlier_position, earlier in enumerate(policy.stack[:position]):
            between = policy.stack[earlier_position + 1 : position]
            if _decided_before(earlier, line, any(other.by_block for other in between) or earlier.by_block):
                what = f"never matches: line {earlier.line} (`{earlier.text[:60]}`) decides before it"
                yield LintWarning(line.line, 1, what)
                break


def _decided_before(earlier: Line, line: Line, blocks_went: bool) -> bool:
    first, second = earlier.condition, line.condition
    if first is None or second is None or first.until or first.since:
        return False
    if earlier.by_block and not line.by_block:
        return False
    if blocks_went and any(predicate.variable.startswith("replica.") for predicate in first.predicates):
        return False
    return all(any(_implies(given, wanted) for given in second.predicates) for wanted in first.predicates)


def _implies(given: Predicate, wanted: Predicate) -> bool:
    """Whether ``wanted`` holds wherever ``given`` does (in the plain cases)."""
    if (given.variable, given.operator) != (wanted.variable, wanted.operator):
        return False
    if isinstance(given.operand, float) and isinstance(wanted.operand, float):
        if given.operator == ">":
            return given.operand >= wanted.operand
        if given.operator == "<":
            return given.operand <= wanted.operand
    return given.operand == wanted.operand
