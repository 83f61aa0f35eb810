"""Rows of JSON as typed records."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self, Union, cast, get_args, get_origin, get_type_hints

from dynamo_client.errors import CannotConnect


@dataclass(frozen=True, kw_only=True)
class Record:
    """A row of the server's. What the server leaves out has the field's default; what this client does not know is in ``raw``."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, row: Any) -> Self:
        """The record of a JSON object."""
        if not isinstance(row, dict):
            raise CannotConnect(f"the server gave {_short(row)} where {cls.__name__} should be; is it a Dynamo?")
        values = {}
        for name, read in _readers(cast(Any, cls)).items():
            if name not in row or row[name] is None:
                continue
            try:
                values[name] = read(row[name])
            except (TypeError, ValueError, OverflowError):
                raise CannotConnect(
                    f"the server gave {_short(row[name])} as {name} of {cls.__name__}; is its version this client's?"
                ) from None
        return cls(raw=row, **values)


def records(kind: type[Any], rows: Any) -> list[Any]:
    """A list of rows as records."""
    if not isinstance(rows, list):
        raise CannotConnect(f"the server gave {_short(rows)} where a list should be; is it a Dynamo?")
    return [kind.of(row) for row in rows]


def time_of(value: Any) -> datetime:
    """A time of the server's (ISO 8601, or UTC seconds) with its zone."""
    if isinstance(value, bool):
        raise TypeError("no time")
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    found = datetime.fromisoformat(value)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@cache
def _readers(kind: type[Record]) -> Mapping[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    return {one.name: _reader(hints[one.name]) for one in fields(kind) if one.name != "raw"}


def _reader(hint: Any) -> Callable[[Any], Any]:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = [one for one in get_args(hint) if one is not type(None)]
    if get_origin(hint) is tuple:
        return _many(_reader(get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.of
    plain: dict[Any, Callable[[Any], Any]] = {
        datetime: time_of, str: _text, int: _whole, float: float, bool: _truth,
    }  # fmt: skip
    return plain.get(hint, lambda value: value)


def _many(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def each(values: Iterable[Any]) -> tuple[Any, ...]:
        if not isinstance(values, list | tuple):
            raise TypeError("no list")
        return tuple(read(value) for value in values)

    return each


def _text(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError("no text")
    return str(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError("no whole number")
    return int(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
