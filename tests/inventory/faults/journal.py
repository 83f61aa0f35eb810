"""What a process of a schedule tells as it goes: lines that are there even when it is killed after writing them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# The real one: that of ``os`` is watched.
_open, _write = os.open, os.write


class Journal:
    """Appends events to the file at ``path``; each is one line: what, and its values."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, what: str, *values: Any) -> None:
        """One event."""
        _write(self._descriptor, json.dumps([what, *values]).encode() + b"\n")

    def struck(self, kind: str, family: str, place: str) -> None:
        """The fault happens now."""
        self.note("struck", kind, family, place)

    def paused(self, in_transaction: bool) -> None:
        """The process stops now; within a transaction others may have to wait for it."""
        self.note("paused", in_transaction)

    def acknowledged(self, transaction: str, version: int, time: int, counts: dict[str, Any]) -> None:
        """A sender got this answer."""
        self.note("acknowledged", transaction, version, time, counts)

    def problem(self, text: str) -> None:
        """Something is not as promised."""
        self.note("problem", text)


def events(path: Path) -> list[list[Any]]:
    """All that was noted so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
