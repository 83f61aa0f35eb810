"""Findings on single conditions: names, lists, dates, patterns. For policies, partitions and rules alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from inventory.policy.errors import TimeError, nearest
from inventory.policy.lint.findings import Finding
from inventory.policy.lint.globs import matches
from inventory.policy.lint.space import Space
from inventory.policy.model import Condition, Predicate
from inventory.policy.patterns import bounded_regex_matches, glob_matches, is_glob
from inventory.policy.times import parse_time
from inventory.policy.variables import VARIABLES

_FRACTIONAL = {"site.occupancy", "site.quota", "dataset.usage_rank", "dataset.demand_rank"}
_WITHOUT_BLANKS = {"site.name", "dataset.name", "dataset.release"}
_SECONDS_PER_DAY = 86400
_SHOWN = 80


@dataclass(frozen=True, eq=False)
class KnownNames:
    """Names that exist; None where they are not known and therefore not checked. ``datasets``: a column of names."""

    sites: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    partitions: frozenset[str] | None = None
    datasets: pl.Series | None = None


@dataclass(frozen=True)
class Place:
    """Where findings are made: fills in file, line and column."""

    file: str
    line: int = 1
    column: int = 1

    def found(self, code: str, what: str) -> Finding:
        return Finding(code, self.file, self.line, self.column, what)


def lint_condition(condition: Condition, known: KnownNames, now: int, file: str) -> list[Finding]:
    """Findings on one condition, in the order of its predicates; ``now`` (UTC seconds) decides which dates are past."""
    found = list(_dates(condition, now, file))
    for predicate in condition.predicates:
        place = Place(file, predicate.line, predicate.column)
        found += (place.found(code, what) for code, what in _predicate(predicate, known, now))
    return found


def _predicate(predicate: Predicate, known: KnownNames, now: int) -> Iterator[tuple[str, str]]:
    variable, operand = predicate.variable, predicate.operand
    if predicate.operator in ("==", "!=") and variable in _FRACTIONAL:
        yield "DL108", f"{variable} is a fraction and hardly ever equal to a number"
    names = operand if isinstance(operand, tuple) else (operand,)
    if predicate.operator in ("in", "notin") and not names:
        yield "DL109", f"an empty list: {'always' if predicate.operator == 'notin' else 'never'} true"
    elif variable != "always" and _always_holds(predicate, now):
        yield "DL105", f"{variable} is never otherwise: this always holds"
    if predicate.operator in ("=~", "!=~") and isinstance(operand, str):
        if re.match(r"/?\*|.*/\*", operand):
            yield "DL106", f"{operand[:_SHOWN]!r} looks like a glob, but is a regular expression"
        elif variable == "dataset.name":
            yield from _datasets(operand, True, known)
    if predicate.operator in ("==", "!=", "in", "notin"):
        for name in names:
            if isinstance(name, str):
                yield from _name(variable, name, known)


def _always_holds(predicate: Predicate, now: int) -> bool:
    try:
        space = Space([predicate], now)
        return space.fails(predicate).is_empty()
    except TimeError:  # it had a meaning when the condition was read
        return False


def _name(variable: str, name: str, known: KnownNames) -> Iterator[tuple[str, str]]:
    shown = name[:_SHOWN]
    if VARIABLES[variable].type == "text" and re.search(r"\.\*|\[\^|\\[wds.]|\(\?", name):
        yield "DL106", f"{shown!r} looks like a regular expression, but is a glob"
    if variable in _WITHOUT_BLANKS and re.search(r"\s", name):
        yield "DL107", f"{variable} holds no blanks, so it never equals {shown!r}"
    code, what, existing = {
        "site.name": ("DL301", "site", known.sites), "blockreplica.owner": ("DL302", "group", known.groups)
    }.get(variable, ("", "", None))  # fmt: skip
    if existing is not None and name != "None" and not _exists(name, existing):
        yield code, f"no {what} {'matches' if is_glob(name) else 'is called'} {shown!r}{nearest(name, existing)}"
    if variable == "dataset.name":
        yield from _datasets(name, False, known)


def _exists(pattern: str, names: frozenset[str]) -> bool:
    return any(matches(pattern, name) for name in names) if is_glob(pattern) else pattern in names


def _datasets(pattern: str, regex: bool, known: KnownNames) -> Iterator[tuple[str, str]]:
    if known.datasets is None:
        return
    column = pl.col("name")
    try:
        test = bounded_regex_matches(column, pattern) if regex else glob_matches(column, pattern)
    except re.error:  # it could take for ever: not asked
        return
    if not known.datasets.alias("name").to_frame().select(test.any()).item():
        yield "DL304", f"none of {len(known.datasets)} datasets matches {pattern[:_SHOWN]!r}"


def _dates(condition: Condition, now: int, file: str) -> Iterator[Finding]:
    first = condition.predicates[0] if condition.predicates else Predicate("", "", None)
    place = Place(file, first.line, first.column)
    until, since = _moment(condition.until, now), _moment(condition.since, now)
    for word, text, moment in (("until", condition.until, until), ("from", condition.since, since)):
        if moment is not None and _moment(text, now + _SECONDS_PER_DAY) == moment + _SECONDS_PER_DAY:
            yield place.found("DL203", f"`{word} {text}` moves along with the present")
    if until is not None and until < now:
        yield place.found("DL201", f"`until {condition.until}` is past: this never holds any more")
    elif until is not None and since is not None and until < since:
        yield place.found("DL204", f"`until {condition.until}` is before `from {condition.since}`: this never holds")
    elif since is not None and since > now:
        yield place.found("DL202", f"`from {condition.since}` is to come: until then this does not hold")


def _moment(text: str | None, now: int) -> int | None:
    try:
        return None if text is None else parse_time(text, now)
    except TimeError:  # it had a meaning when the condition was read
        return None
