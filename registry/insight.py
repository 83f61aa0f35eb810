"""Who may look into a user's program or sequence: what it is given, what it wrote and why it failed may have secrets in it."""

from __future__ import annotations

from registry import rights
from registry.callers import Caller
from registry.errors import Denied

HIDDEN = "told to its author and to operators of application only"


def sees(caller: Caller, author: str) -> bool:
    """Whether ``caller`` is the author, or an operator of application."""
    return caller.known and (caller.name == author or rights.has(caller, "operator", "application"))


def require(caller: Caller, author: str) -> None:
    """Raise Denied unless ``caller`` may look into it."""
    if not sees(caller, author):
        raise Denied(f"this is {author}'s; what it was given and what it wrote is {HIDDEN}")
