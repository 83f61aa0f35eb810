"""What is less of a change than what: a number for each kind, and how far the value is from what it was.

A change costs its kind's number plus a part below 1 that grows with the distance (times: days over days and a year; other
numbers: the difference over the difference and the value). Two changes cost the sum. The least comes first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detox.counterfactual.inputs import Inputs

KINDS: dict[str, tuple[float, str]] = {
    "attribute": (1, "the dataset's last access, last update, rank, demand or number of accesses"),
    "arrival": (1, "when its blocks came to the site"),
    "lock": (2, "a lock, or none"),
    "request": (3, "a copy request, a copy to tape asked for, a rule of the enforcer, another catalogue"),
    "copy": (3, "one full copy more, or one copy less, at a named site; each counts"),
    "complete": (3, "a replica that has all its files"),
    "owner": (4, "another group that owns it"),
    "status": (4, "another status of the dataset"),
    "date": (4, "the date until, or from, which a line of the policy holds"),
    "quota": (5, "another quota of the partition at the site"),
    "site": (6, "another status of a site, or its place in the list of protected sites"),
}
"""Kinds of change: number, meaning."""

YEAR = 365 * 86400.0


@dataclass(frozen=True)
class Change:
    """One change. ``text`` continues "if …"; ``present`` and ``wanted`` are the values; ``everywhere``: it can act beyond the lines."""

    kind: str
    about: str
    text: str
    present: Any
    wanted: Any
    apply: Callable[[Inputs], Inputs]
    distance: float = 0.0
    number: int = 1
    everywhere: bool = False

    @property
    def cost(self) -> float:
        """The smaller, the less of a change."""
        return KINDS[self.kind][0] * self.number + self.distance

    def told(self) -> dict[str, Any]:
        """For JSON: all but how it is done."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name in ("kind", "about", "text", "present", "wanted")
        } | {"cost": round(self.cost, 4)}


def far(difference: float, scale: float) -> float:
    """A distance as a part below 1."""
    difference = abs(difference)
    return difference / (difference + abs(scale)) if difference else 0.0
