"""What a call wants of a list: filters, order, fields, page, version; from the query, every mistake named.

site=T2_*            any of the values; texts may be globs (* ? [abc])       size__ge=1000   also gt, lt, le
site__not=T2_US_MIT  none of the values                                     last_access__null=true
order=-size,name     fields=name,size      limit=100      cursor=…          at_version=17    format=csv
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from inventory.policy.errors import TimeError, nearest
from inventory.policy.times import parse_time
from registry.api.columns import Field, Fields
from registry.api.problems import Invalid, Wrong
from registry.classic import body
from registry.classic.parameters import check_storable
from registry.errors import Refused

MOST_ROWS = 10_000
"""Rows of one page at most."""
ROWS = 100
"""Rows of one page where the call does not say."""
MOST_VALUES = 500
"""Values of one parameter at most."""
LONGEST = 2048
RESERVED = ("order", "fields", "limit", "cursor", "at_version", "format")

_RANGES = ("gt", "ge", "lt", "le")
_ORDERED = ("integer", "number", "time")
_YES_NO = {"true": True, "1": True, "yes": True, "y": True, "false": False, "0": False, "no": False, "n": False}
_LARGEST = 2**63


@dataclass(frozen=True)
class Condition:
    """One filter. ``operator``: "in" (any of ``values``), "not" (none of them), gt, ge, lt, le, "null" (is or is not), or
    "is": the value as it stands, never a glob.
    """

    field: Field
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Asked:
    """``order``: fields, and whether descending; ``fields``: those that are shown; ``limit``: None where not said.

    ``others``: values of the parameters that the resource has besides, by name.
    """

    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[Field, bool], ...] = ()
    fields: tuple[Field, ...] = ()
    limit: int | None = None
    cursor: str = ""
    at_version: int | None = None
    others: Mapping[str, list[str]] | None = None

    @property
    def is_page(self) -> bool:
        """Whether the call says which rows of the list: else a stream has them all."""
        return self.limit is not None or bool(self.cursor)

    def only(self, name: str) -> str | None:
        """The value of another parameter, None where it is not given. Invalid for several."""
        values = (self.others or {}).get(name, [])
        return one(name, values) if values else None


def asked(request: HttpRequest, fields: Fields, others: Sequence[str] = ()) -> Asked:
    """What ``request`` wants of rows with ``fields``; ``others``: further parameters that it may have."""
    return read(body.query(request), fields, others)


def read(given: Mapping[str, list[str]], fields: Fields, others: Sequence[str] = ()) -> Asked:
    """The same from the values of each parameter. Invalid names all that are wrong."""
    mistakes: list[Wrong] = []
    found: dict[str, Any] = {"fields": tuple(fields.values()), "conditions": []}
    for name, values in given.items():
        try:
            _check(name, values)
            if name in _READ:
                found[name] = _READ[name](values, fields)
            elif name not in others and name != "format":
                found["conditions"].append(_condition(name, values, fields, others))
        except Invalid as error:
            mistakes += error.errors
    if mistakes:
        raise Invalid(mistakes)
    found["conditions"] = tuple(found["conditions"])
    return Asked(**found, others={name: given[name] for name in others if name in given})


def wrong(name: str, detail: str) -> Invalid:
    """The problem of one parameter."""
    return Invalid([Wrong(name[:100], detail)])


def one(name: str, values: Sequence[str]) -> str:
    """The only value."""
    if len(values) != 1:
        raise wrong(name, f"give it once, not {len(values)} times")
    return values[0]


def chosen(query: Mapping[str, Sequence[str]], name: str, known: Sequence[str]) -> str | None:
    """The only value of a parameter, one of ``known``; None: it is not given."""
    if name not in query:
        return None
    value = one(name, query[name])
    if value not in known:
        raise wrong(name, f"choose from {', '.join(known)}")
    return value


def moment(query: Mapping[str, Sequence[str]], name: str) -> int | None:
    """The only value of a parameter, as UTC seconds; None: it is not given."""
    return None if name not in query else _seconds(name, one(name, query[name]))


def integer(name: str, text: str, least: int = 0, most: int = _LARGEST - 1) -> int:
    """A whole number from ``least`` to ``most``."""
    digits = text.strip()
    if not (digits.removeprefix("-").isascii() and digits.removeprefix("-").isdigit() and len(digits) <= 20):
        raise wrong(name, f"{text[:40]!r} is not a whole number")
    if not least <= int(digits) <= most:
        raise wrong(name, f"{digits} is out of range: {least} to {most}")
    return int(digits)


def boolean(name: str, text: str) -> bool:
    """true or false, or how else people write that."""
    value = _YES_NO.get(text.strip().lower())
    if value is None:
        raise wrong(name, f"{text[:40]!r} is neither true nor false")
    return value


def _check(name: str, values: Sequence[str]) -> None:
    if len(values) > MOST_VALUES:
        raise wrong(name, f"{len(values)} values; at most {MOST_VALUES} in one call")
    for value in values:
        if len(value) > (8 * LONGEST if name in RESERVED else LONGEST):
            raise wrong(name, f"{value[:40]}… is longer than {LONGEST} characters")
        try:
            check_storable("", value)
        except Refused:
            raise wrong(name, f"{value[:40]!r} has a character in it that is not allowed") from None


def _condition(name: str, values: list[str], fields: Fields, others: Sequence[str]) -> Condition:
    label, _, operator = name.rpartition("__") if name not in fields and "__" in name else (name, "", "in")
    field = fields.get(label)
    if field is None or not field.filtered:
        known = [*(one for one, declared in fields.items() if declared.filtered), *others, *RESERVED]
        raise wrong(name, f"unknown parameter{nearest(label, known)}; this call takes: {', '.join(known)}")
    allowed = operators(field)
    if operator not in allowed:
        raise wrong(name, f"{label} cannot be compared so; there are {', '.join(allowed)}")
    if operator == "null":
        return Condition(field, operator, (boolean(name, one(name, values)),))
    if operator in _RANGES:
        return Condition(field, operator, (value_of(name, one(name, values), field),))
    return Condition(field, operator, tuple(dict.fromkeys(value_of(name, value, field) for value in values)))


def operators(field: Field) -> tuple[str, ...]:
    """How the field can be compared: "in" is the plain ``name=value``."""
    ranges = _RANGES if field.kind in _ORDERED else ()
    return ("in", "not", *ranges, *(("null",) if field.nullable else ()))


def value_of(name: str, text: str, field: Field) -> Any:
    """A value of the field's kind; times as UTC seconds."""
    return _VALUES[field.kind](name, text, field)


def _text(name: str, text: str, field: Field) -> str:
    return text


def _choice(name: str, text: str, field: Field) -> str:
    if text not in field.choices:
        raise wrong(name, f"unknown: {text[:100]}; choose from {', '.join(field.choices)}")
    return text


def _integer(name: str, text: str, field: Field) -> int:
    return integer(name, text, -_LARGEST)


def _number(name: str, text: str, field: Field) -> float:
    try:
        value = float(text)
    except ValueError:
        raise wrong(name, f"{text[:40]!r} is not a number") from None
    if value != value or abs(value) == float("inf"):
        raise wrong(name, f"{text[:40]!r} is not a finite number")
    return value


def _boolean(name: str, text: str, field: Field) -> bool:
    return boolean(name, text)


def _time(name: str, text: str, field: Field) -> int:
    return _seconds(name, text)


def _seconds(name: str, text: str) -> int:
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and 9 <= len(digits) <= 12:
        return int(digits)
    try:
        return parse_time(text, int(time.time()))
    except (TimeError, OverflowError, ValueError) as error:
        raise wrong(name, f"{text[:60]!r} is not a time: {error}; for example 2026-11-24T20:45:00Z") from None


_VALUES: Mapping[str, Callable[[str, str, Field], Any]] = {
    "text": _text, "choice": _choice, "integer": _integer, "number": _number, "boolean": _boolean, "time": _time, "json": _text,
}  # fmt: skip


def _order(values: Sequence[str], fields: Fields) -> tuple[tuple[Field, bool], ...]:
    names = [name for name in ",".join(values).split(",") if name]
    found: dict[str, tuple[Field, bool]] = {}
    for name in names:
        label = name.removeprefix("-")
        field = fields.get(label)
        if field is None or not field.filtered or field.kind == "json":
            known = [other for other, declared in fields.items() if declared.filtered and declared.kind != "json"]
            raise wrong("order", f"no field {label[:100]}{nearest(label, known)}; there are {', '.join(known)}")
        if label in found:
            raise wrong("order", f"{label} is there twice")
        found[label] = (field, name.startswith("-"))
    return tuple(found.values())


def _shown(values: Sequence[str], fields: Fields) -> tuple[Field, ...]:
    names = list(dict.fromkeys(name for name in ",".join(values).split(",") if name))
    unknown = [name for name in names if name not in fields]
    if unknown:
        raise wrong(
            "fields", f"no field {unknown[0][:100]}{nearest(unknown[0], fields)}; there are {', '.join(fields)}"
        )
    return tuple(fields[name] for name in names) or tuple(fields.values())


_READ: Mapping[str, Callable[[Sequence[str], Fields], Any]] = {
    "order": _order,
    "fields": _shown,
    "limit": lambda values, _: integer("limit", one("limit", values), 1, MOST_ROWS),
    "cursor": lambda values, _: one("cursor", values),
    "at_version": lambda values, _: integer("at_version", one("at_version", values)),
}


def order_names(order: Sequence[tuple[Field, bool]]) -> list[str]:
    """As the call wrote it, for cursors."""
    return [f"-{field.name}" if descending else field.name for field, descending in order]


def shown_json(value: Any) -> str:
    """A nested value as a text, for formats that have none."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
