"""Times in sentences."""

from __future__ import annotations

from datetime import UTC, datetime

_DAY = 86400


def moment(seconds: int, zone: str = " UTC") -> str:
    """A time that policies can read, too."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{zone}"


def ago(present: int | None, wanted: int) -> str:
    """How far ``wanted`` is from what was: "12 days later"."""
    if not present:
        return "none is known"
    difference = abs(wanted - present)
    number, unit = (difference / _DAY, "days") if difference >= 2 * _DAY else (difference / 3600, "hours")
    return f"{number:.4g} {unit} {'later' if wanted > present else 'earlier'}"
