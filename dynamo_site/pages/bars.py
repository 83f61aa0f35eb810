"""Bars as pages draw them: parts and marks as fractions of the bar's width. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A part of a bar: what it stands for (a class of the style sheet), where it begins and how wide it is."""

    kind: str
    start: float
    width: float


@dataclass(frozen=True)
class Mark:
    """A line across a bar."""

    kind: str
    at: float


@dataclass(frozen=True)
class Bar:
    """A bar with what it shows in words."""

    text: str
    parts: tuple[Part, ...]
    marks: tuple[Mark, ...] = ()


def stacked(sizes: Iterable[tuple[str, float]], scale: float) -> tuple[Part, ...]:
    """Parts one after the other, ``scale`` being the whole width; what goes beyond the end is cut off."""
    parts, start = [], 0.0
    for kind, size in sizes:
        width = min(size / scale, 1.0 - start) if scale > 0 else 0.0
        if width > 0:
            parts.append(Part(kind, start, width))
        start += width
    return tuple(parts)


def marks_at(places: Iterable[tuple[str, float | None]], scale: float) -> tuple[Mark, ...]:
    """Marks at those of the places that there are and that are on the bar."""
    return tuple(
        Mark(kind, place / scale) for kind, place in places if place is not None and scale > 0 and 0 < place < scale
    )
