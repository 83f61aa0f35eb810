"""Mistakes in policy files: all of a file at once, each with its place, a caret and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inventory.errors import InventoryError

_SHOWN_MISTAKES = 50
_SHOWN_WIDTH = 160


@dataclass(frozen=True)
class Mistake:
    """One mistake: ``line`` and ``column`` count from 1; ``text`` is the line it stands in."""

    file: str
    line: int
    column: int
    what: str
    text: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: {self.what}"
        if not self.text.strip():
            return place
        start = max(0, self.column - 1 - _SHOWN_WIDTH // 2)
        shown = self.text[start : start + _SHOWN_WIDTH].replace("\t", " ")
        return f"{place}\n    {shown}\n    {' ' * (self.column - 1 - start)}^"


class PolicyError(InventoryError):
    """A policy, a condition or a partitions file cannot be used; ``mistakes`` tells every mistake in order of place."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column)))
        shown = [str(mistake) for mistake in self.mistakes[:_SHOWN_MISTAKES]]
        if len(self.mistakes) > _SHOWN_MISTAKES:
            shown.append(f"… and {len(self.mistakes) - _SHOWN_MISTAKES} more")
        super().__init__("\n".join(shown))


class TimeError(InventoryError):
    """A time expression cannot be read; the text quotes it and says what is understood."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` with the nearest known name, or nothing when none is near."""
    lowered = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name[:100].lower(), lowered, n=1, cutoff=0.6)
    return f" (did you mean {lowered[found[0]]}?)" if found else ""
