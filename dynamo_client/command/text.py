"""Values as text: for people, for spreadsheets, for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Volume(int):
    """A number of bytes: shown in the unit in which it can be read, told exactly to programs."""


def shown(value: Any) -> str:
    """For people: sizes in units, times to the second, nothing that moves the cursor of the terminal."""
    if isinstance(value, Volume):
        return volume(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return harmless(told(value))


def told(value: Any) -> str:
    """For programs: exact, without units; lists with commas between."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, list | tuple):
        return ",".join(told(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={told(one)}" for name, one in value.items())
    return str(int(value)) if isinstance(value, Volume) else str(value)


def cell(value: Any) -> str:
    """For CSV: what a spreadsheet would take for a formula is made text by a quote before it. Numbers are numbers."""
    text = told(value)
    if isinstance(value, int | float) or not text.lstrip(" ").startswith(_FORMULA):
        return text
    return "'" + text


def harmless(text: str) -> str:
    """Control characters as escapes: names are chosen by others, and could else change what stands on the screen."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def volume(size: int) -> str:
    """Bytes in decimal units with four digits at most."""
    number, unit = float(size), 0
    while abs(number) >= 999.95 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"
