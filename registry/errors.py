"""What can go wrong at the desk; each type is one kind of answer to the caller."""

from __future__ import annotations


class RegistryError(Exception):
    """Base of all: the text says what is wrong, with what, and what to do."""


class Refused(RegistryError):
    """What was asked is wrong or cannot be done: unknown names, wrong values, a state that does not allow it."""


class Denied(RegistryError):
    """The caller is known but lacks the right."""


class NotAuthenticated(RegistryError):
    """The caller is not known, and has to be for this."""


class NotThere(RegistryError):
    """No such row."""


class Conflict(RegistryError):
    """Its state does not allow it, or somebody else was quicker; looking at it again helps."""


class TooManyCalls(RegistryError):
    """Too many in too short a time, of one user or from one address; ``retry_after`` seconds later there may be more."""

    def __init__(self, text: str, retry_after: int = 60) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Busy(RegistryError):
    """Cannot be done now; ``retry_after`` seconds later it may."""

    def __init__(self, text: str, retry_after: int = 10) -> None:
        super().__init__(text)
        self.retry_after = retry_after
