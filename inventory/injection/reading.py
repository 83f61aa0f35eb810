"""Reading values of a JSON document: each with its place, every mistake noted, nothing trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from inventory.errors import ChangeRefused, Problem
from inventory.policy.errors import nearest
from inventory.schema import MAX_FILE_SIZE

MAX_PROBLEMS = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEX = re.compile(r"[0-9a-fA-F]{8}")
_DECIMAL = re.compile(r"[0-9]{1,10}")
_TYPES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class Reading:
    """The mistakes of one document. Methods return None for what is absent, null or wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, where: str, what: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(where, what))
        if len(self.problems) >= MAX_PROBLEMS:
            self.finish()

    def finish(self) -> None:
        """Raises ChangeRefused if there was any mistake."""
        if self.problems:
            raise ChangeRefused(self.problems)

    def entries(self, parent: Mapping[str, Any], key: str, where: str) -> Iterator[tuple[str, Any]]:
        """The items of the list under ``key``, each with its place."""
        value = parent.get(key)
        place = f"{where}.{key}" if where else key
        if value is None:
            return
        if not isinstance(value, list):
            self.wrong(place, f"has to be a list, not {described(value)}")
            return
        for number, item in enumerate(value):
            yield f"{place}[{number}]", item

    def objects(
        self, parent: Mapping[str, Any], key: str, where: str, known: frozenset[str]
    ) -> Iterator[tuple[str, Any]]:
        """Those of the entries that are objects; their unknown keys are noted."""
        for place, item in self.entries(parent, key, where):
            if isinstance(item, dict):
                self.check_keys(item, place, known)
                yield place, item
            else:
                self.wrong(place, f"has to be an object, not {described(item)}")

    def check_keys(self, item: Mapping[str, Any], where: str, known: frozenset[str]) -> None:
        """Note keys that mean nothing here."""
        for key in item:
            if key not in known:
                hint = nearest(key, known) or f"; there are {', '.join(sorted(known))}"
                self.wrong(where, f"unknown key {key[:60]!r}{hint}")

    def text(self, item: Mapping[str, Any], key: str, where: str, limit: int, required: bool = False) -> str | None:
        """A text of at most ``limit`` characters without control characters; not empty if it is required."""
        value = item.get(key)
        if value is None:
            if required:
                self.wrong(where, f"{key!r} is {'null' if key in item else 'missing'}")
            return None
        if what := text_mistake(value, limit, required):
            self.wrong(f"{where}.{key}", what)
            return None
        return str(value)

    def choice(self, item: Mapping[str, Any], key: str, where: str, choices: tuple[str, ...]) -> str | None:
        """One of ``choices`` in its own spelling, whatever the case."""
        value = self.text(item, key, where, 60)
        if value is None:
            return None
        for choice in choices:
            if choice.lower() == value.lower():
                return choice
        self.wrong(f"{where}.{key}", f"{value!r} is none of {', '.join(choices)}{nearest(value, choices)}")
        return None

    def flag(self, item: Mapping[str, Any], key: str, where: str) -> bool | None:
        """True or false."""
        value = item.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(f"{where}.{key}", f"has to be true or false, not {described(value)}")
        return None

    def size(self, item: Mapping[str, Any], where: str) -> int | None:
        """Bytes of a file."""
        value = item.get("size")
        if type(value) is int and 0 <= value <= MAX_FILE_SIZE:
            return value
        if value is None:
            self.wrong(where, f"'size' is {'null' if 'size' in item else 'missing'}")
        else:
            self.wrong(
                f"{where}.size", f"has to be a whole number of bytes from 0 to {MAX_FILE_SIZE}, not {described(value)}"
            )
        return None

    def checksum(self, item: Mapping[str, Any], key: str, where: str) -> int | None:
        """32 bits: a number, or 8 hexadecimal digits (``cksum``: decimal digits)."""
        value = item.get(key)
        if value is None:
            return None
        pattern, base, form = (_DECIMAL, 10, "decimal digits") if key == "cksum" else (_HEX, 16, "8 hexadecimal digits")
        if isinstance(value, str) and pattern.fullmatch(value):
            value = int(value, base)
        if type(value) is int and 0 <= value < 2**32:
            return value
        self.wrong(f"{where}.{key}", f"has to be {form} or a number of 32 bits, not {described(value)}")
        return None


def text_mistake(value: Any, limit: int, required: bool = True) -> str:
    """Why the value is no usable text; empty when it is."""
    if not isinstance(value, str):
        return f"has to be a text, not {described(value)}"
    if len(value) > limit:
        return f"{value[:60]!r}… is longer than {limit} characters"
    if _CONTROL.search(value):
        return f"{value[:60]!r} has control characters"
    if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return f"{value[:60]!r} is not valid text"
    if required and not value.strip():
        return "is empty"
    if value != value.strip(" "):
        return f"{value[:60]!r} begins or ends with a blank"
    return ""


def described(value: Any) -> str:
    """A value for a message: short, and never deep."""
    if isinstance(value, str):
        return repr(value[:60]) + ("…" if len(value) > 60 else "")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        return "a number of more than 30 digits"
    if isinstance(value, (bool, int, float)):
        return repr(value).lower() if isinstance(value, bool) else repr(value)
    return _TYPES.get(type(value), "null" if value is None else type(value).__name__)
