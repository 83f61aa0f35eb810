"""What can go wrong with the inventory, one type per kind of trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class InventoryError(Exception):
    """Base of all: the text says what happened, to what, and what to do."""


_SHOWN_CHARACTERS = 600


def _shortened(text: str) -> str:
    """What people can read of a text that quotes what was given: names of any length."""
    half = _SHOWN_CHARACTERS // 2
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:half]} … {text[-half:]}"


@dataclass(frozen=True)
class Problem:
    """One mistake in a change set or a document: ``where`` (table and row, or path in the document), ``what`` is wrong."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{_shortened(self.where)}: {_shortened(self.what)}"


class ChangeRefused(InventoryError):
    """A change set is wrong; nothing of it was applied. ``problems`` tells every mistake."""

    _SHOWN = 20

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[: self._SHOWN]]
        if len(self.problems) > self._SHOWN:
            shown.append(f"… and {len(self.problems) - self._SHOWN} more")
        super().__init__("refused, nothing was changed:\n  " + "\n  ".join(shown))


class TurnLost(InventoryError):
    """The writer's token is older than one already seen: another writer has had its turn since."""


class LeadershipLost(InventoryError):
    """This server's epoch is not the newest: another server leads."""


class InventoryUnavailable(InventoryError):
    """No inventory server answers, or it cannot write now: nothing was changed; trying again later is right."""


class InventoryBusy(InventoryUnavailable):
    """More wait for the inventory server already than it takes at a time: nothing was changed; try again in ``seconds``."""

    def __init__(self, text: str, seconds: float) -> None:
        self.why, self.seconds = text, seconds
        super().__init__(f"{text}; try again in {seconds:.1f} s")


class OutcomeUnknown(InventoryUnavailable):
    """Whether a change set was applied cannot be told now: send the same again, it is applied once."""


class RecordsDropped(InventoryError):
    """The log does not have the rows of a record any more."""


class VersionGone(InventoryError):
    """The wanted version is not kept any more."""


class InventoryDenied(InventoryError):
    """The inventory server refuses this process's token; the setting INVENTORY_TOKEN is not the server's."""


class ImageUnreadable(InventoryError):
    """The manifest or a file of an image cannot be read."""
