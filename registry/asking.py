"""Who asks, and for what: what every service of the desk is called with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Asker:
    """Who asks: user, the service that acts for the user, and whether the user may deal with others' requests."""

    user: str
    service: str = ""
    operator: bool = False


@dataclass(frozen=True)
class Wanted:
    """What is asked, as given: sites may be globs; None: not given."""

    items: Sequence[str] = ()
    sites: Sequence[str] = ()
    group: str | None = None
    num_copies: int | None = None
