"""What can go wrong with runs, one type per kind of trouble."""

from __future__ import annotations

from inventory.errors import InventoryError, InventoryUnavailable, TurnLost


class TurnBusy(InventoryError):
    """The turn did not come in the time given; the text says who has it. Trying again later is right."""


class QueueUnavailable(InventoryUnavailable):
    """Redis does not answer, so nobody can get a turn now; trying again later is right."""


class RunKilled(TurnLost):
    """An operator ended this run; what it had not committed does not exist."""


class ApplicationLocked(InventoryError):
    """An operator stopped this application; the text says who and why."""


class ProgramRefused(InventoryError):
    """A program, its arguments or a sequence cannot be taken as given; the text says why."""


class TooManyPrograms(ProgramRefused):
    """As many programs wait as may, of this user or of all; ``retry_after`` seconds later there may be room."""

    retry_after = 60


class ProgramNotFound(InventoryError):
    """There is no such program, or it is not below an allowed directory."""


class ProgramNotAuthorised(InventoryError):
    """This user may not run this content with this level."""


class ProgramFailed(InventoryError):
    """A program did not end with 0; the text says how it ended."""
