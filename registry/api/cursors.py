"""Cursors: where a page ended, as a text that clients hand back.

A cursor has the values by which the rows are ordered of the last row that was given. The next page begins behind them, whatever
came or went since: a row whose values stay is given exactly once.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from registry.api.problems import Invalid, Wrong

_LONGEST = 8192
_MOST_DIGITS = 20

After = tuple[Any, ...]
"""Values of the last row: texts, whole numbers, fractions, booleans or None."""


def written(order: Sequence[str], values: Sequence[Any]) -> str:
    """The cursor of a row with ``values`` in a list ordered by ``order`` (``-name``: descending)."""
    text = json.dumps([list(order), list(values)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, order: Sequence[str], kinds: Sequence[type]) -> After:
    """The values in ``cursor``, each of its type in ``kinds`` or None. Invalid for one of another order, or none of ours."""
    try:
        found = json.loads(base64.b64decode(_padded(cursor), b"-_", validate=True), parse_int=_integer)
    except (ValueError, binascii.Error, RecursionError):
        raise _wrong() from None
    if not isinstance(found, list) or len(found) != 2 or found[0] != list(order):
        raise _invalid("it is of another list or order; begin again without it, or ask as for the page before")
    values = found[1]
    if not isinstance(values, list) or len(values) != len(kinds):
        raise _wrong()
    if not all(value is None or type(value) is kind for value, kind in zip(values, kinds, strict=True)):
        raise _wrong()
    return tuple(values)


def _padded(cursor: str) -> bytes:
    if len(cursor) > _LONGEST or not cursor.isascii():
        raise _wrong()
    return cursor.encode() + b"=" * (-len(cursor) % 4)


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS or not -(2**63) <= int(digits) < 2**63:
        raise ValueError("out of range")
    return int(digits)


def _wrong() -> Invalid:
    return _invalid("this is no cursor; take it from the field next of the page before")


def _invalid(detail: str) -> Invalid:
    return Invalid([Wrong("cursor", detail)])
