"""Parameters of classic endpoints: declared once per endpoint, checked before its function is called."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from inventory.policy.errors import TimeError
from inventory.policy.times import parse_time
from registry.errors import Refused

# Of JSONP (dropped) and of Django's forms; not part of any call's meaning.
IGNORED = frozenset({"callback", "csrfmiddlewaretoken"})
_YES, _NO = frozenset({"true", "1", "y", "yes"}), frozenset({"false", "0", "n", "no"})
_MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Parameter:
    """One parameter. ``kind``: text, list (of texts), patterns (the same, never split at commas), integers (list), integer, boolean, time (aware datetime).

    An absent one is ``default``. ``choices`` bounds texts and elements of lists, ``longest`` their characters, ``most`` the
    elements of a list, ``least`` an integer.
    """

    name: str
    kind: str = "text"
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    longest: int = 1024
    most: int = 10000
    least: int = 0


def checked(parameters: Iterable[Parameter], given: Mapping[str, list[Any]], now: int) -> dict[str, Any]:
    """Values by name for every declared parameter. ``given``: all values of each name, as texts or as JSON has them.

    Refused names a parameter that is unknown, missing, or not of its kind. ``now``: UTC seconds, for relative times.
    """
    declared = {parameter.name: parameter for parameter in parameters}
    given = _without_brackets(given)
    unknown = sorted(set(given) - set(declared))
    if unknown:
        known = ", ".join(sorted(declared)) or "none"
        raise Refused(f"unknown parameter {unknown[0][:100]}; this call takes: {known}")
    missing = [name for name, parameter in declared.items() if parameter.required and name not in given]
    if missing:
        raise Refused(f"missing parameter {missing[0]}")
    return {
        name: _KINDS[parameter.kind](parameter, given[name], now) if name in given else parameter.default
        for name, parameter in declared.items()
    }


def _without_brackets(given: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    plain: dict[str, list[Any]] = {}
    for name, values in given.items():
        if name not in IGNORED:
            # ``item[]`` is a list even with one value in it, which is not to be split at commas.
            many = [list(values)] if name.endswith("[]") else list(values)
            plain.setdefault(name.removesuffix("[]"), []).extend(many)
    return plain


def _one(parameter: Parameter, values: list[Any]) -> Any:
    flat = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    if len(flat) != 1 or isinstance(flat[0], list | dict):
        raise Refused(f"{parameter.name}: give one value")
    return flat[0]


def _text(parameter: Parameter, values: list[Any], now: int) -> str:
    return _checked_text(parameter, _one(parameter, values))


def _checked_text(parameter: Parameter, value: Any) -> str:
    if isinstance(value, bool | dict | list) or value is None:
        raise Refused(f"{parameter.name}: {json.dumps(value)[:100]} is not a text")
    text = str(value)
    if len(text) > parameter.longest:
        raise Refused(f"{parameter.name}: {text[:40]}… is longer than {parameter.longest} characters")
    check_storable(parameter.name, text)
    if parameter.choices and text not in parameter.choices:
        raise Refused(f"{parameter.name}: unknown: {text[:100]}; choose from {', '.join(parameter.choices)}")
    return text


def check_storable(where: str, text: str) -> None:
    """Raise Refused for a text with NUL or half a character in it, which no database keeps."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(f"{where}: {text[:40]!r} has a character in it that is not allowed")


def _list(parameter: Parameter, values: list[Any], now: int) -> list[str]:
    flat = _elements(parameter, values)
    if len(flat) > parameter.most:
        raise Refused(f"{parameter.name}: {len(flat)} values; at most {parameter.most} in one call")
    return list(dict.fromkeys(_checked_text(parameter, value) for value in flat))


def _patterns(parameter: Parameter, values: list[Any], now: int) -> list[str]:
    # One more bracket around it: a text inside a list is an element as it is.
    return _list(parameter, [[value] if isinstance(value, str) else value for value in values], now)


def _elements(parameter: Parameter, values: list[Any]) -> list[Any]:
    if len(values) == 1 and isinstance(values[0], str):
        return _split(parameter, values[0])
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


def _split(parameter: Parameter, text: str) -> list[Any]:
    """Elements of one plain text: a JSON list, or parts between commas; an empty text is an empty list."""
    if text.lstrip().startswith("["):
        try:
            elements = json.loads(text)
        except ValueError:
            elements = None
        if isinstance(elements, list):
            return elements
    return [part.strip() for part in text.split(",") if part.strip()]


def _integer(parameter: Parameter, values: list[Any], now: int) -> int:
    return _checked_integer(parameter, _one(parameter, values))


def _checked_integer(parameter: Parameter, value: Any) -> int:
    digits = value.strip() if isinstance(value, str) else json.dumps(value)
    whole = digits.removeprefix("-")
    if isinstance(value, bool) or not (whole.isascii() and whole.isdigit() and len(whole) <= 19):
        shown = repr(value[:40]) if isinstance(value, str) else digits[:40]
        raise Refused(f"{parameter.name}: {shown} is not a whole number")
    number = int(digits)
    if not parameter.least <= number <= _MAX_INTEGER:
        raise Refused(f"{parameter.name}: {number} is out of range; the least is {parameter.least}")
    return number


def _integers(parameter: Parameter, values: list[Any], now: int) -> list[int]:
    flat = _elements(parameter, values)
    if len(flat) > parameter.most:
        raise Refused(f"{parameter.name}: {len(flat)} values; at most {parameter.most} in one call")
    return list(dict.fromkeys(_checked_integer(parameter, value) for value in flat))


def _boolean(parameter: Parameter, values: list[Any], now: int) -> bool:
    value = str(_one(parameter, values)).strip().lower()
    if value not in _YES | _NO:
        raise Refused(f"{parameter.name}: {value[:40]!r} is neither yes nor no; use y or n")
    return value in _YES


def _time(parameter: Parameter, values: list[Any], now: int) -> datetime:
    text = _checked_text(parameter, _one(parameter, values)).strip()
    try:
        # Plain digits are UTC seconds, as classic clients send them.
        seconds = int(text) if text.isascii() and text.isdigit() and len(text) >= 9 else parse_time(text, now)
        return datetime.fromtimestamp(seconds, UTC)
    except (TimeError, OverflowError, OSError, ValueError) as error:
        raise Refused(f"{parameter.name}: {text[:60]!r} is not a time: {error}") from None


_KINDS: Mapping[str, Callable[[Parameter, list[Any], int], Any]] = {
    "text": _text, "list": _list, "patterns": _patterns, "integer": _integer, "integers": _integers, "boolean": _boolean, "time": _time,
}  # fmt: skip
