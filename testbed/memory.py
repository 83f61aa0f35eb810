"""What a demo remembers between starts: which steps are done and what later ones need of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Memory:
    """Kept as JSON, written by rename, so that a kill at any moment leaves it whole."""

    path: Path
    done: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Memory:
        """What is kept at ``path``; nothing when the demo starts anew."""
        if not path.exists():
            return cls(path)
        kept = json.loads(path.read_text())
        return cls(path, kept["done"], kept["facts"])

    def note(self, **facts: Any) -> None:
        """Keep facts for later steps."""
        self.facts.update(facts)
        self._write()

    def finish(self, step: str) -> None:
        """The step need not be done again."""
        self.done.append(step)
        self._write()

    def _write(self) -> None:
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"done": self.done, "facts": self.facts}, indent=1))
        part.rename(self.path)
