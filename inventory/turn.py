"""How commands of this component write: as a run with its turn, like every other writer.

Turns are the scheduler's, which the inventory does not know: the setting ``INVENTORY_TURN`` names who gives them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from inventory.changes import ChangeSet
from inventory.client import Commit
from inventory.snapshot import Snapshot
from inventory.subcommands import login_name

PATIENCE_SECONDS = 600.0


class Turn(Protocol):
    """What a command gets for as long as it may write."""

    def snapshot(self) -> Snapshot:
        """The newest version, with everything that was committed before the turn. Raises InventoryUnavailable."""

    def changes(self, transaction: str | None = None) -> ChangeSet:
        """An empty change set in the run's name."""

    def commit(self, changes: ChangeSet) -> Commit:
        """Have ``changes`` applied as a whole. Raises ChangeRefused, TurnLost, InventoryUnavailable."""


def add_arguments(parser: ArgumentParser) -> None:
    """Options of every subcommand that writes."""
    parser.add_argument("--author", help="who the change is noted for (default: the login name)")
    parser.add_argument(
        "--wait", type=_seconds, default=PATIENCE_SECONDS, metavar="SECONDS",
        help="how long to wait for the turn to write, which one run has at a time (default: %(default)g)",
    )  # fmt: skip


@contextmanager
def taken(application: str, options: dict[str, Any], **arguments: Any) -> Iterator[Turn]:
    """The turn to write, as a run of ``application`` with ``arguments`` (JSON); who has it meanwhile is told on stderr.

    Raises the scheduler's errors: nobody answers, the time of ``--wait`` is over, the application is stopped.
    """
    take = import_string(settings.INVENTORY_TURN)
    with take(application, arguments, options["author"] or login_name(), options["wait"], _tell) as run:
        yield run


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number of seconds from 0 up")
    return seconds
