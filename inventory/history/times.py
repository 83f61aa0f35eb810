"""Which version a command is about: options by which people choose one."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from inventory import client
from inventory.policy.errors import TimeError
from inventory.policy.times import parse_time
from inventory.progress import waiting
from inventory.snapshot import Snapshot


def moment(text: str) -> int:
    """UTC seconds of what somebody typed. Raises ArgumentTypeError."""
    try:
        return parse_time(text, int(time.time()))
    except TimeError as error:
        raise ArgumentTypeError(str(error)) from error


def past(text: str) -> int:
    """The same, of a time that is over. Raises ArgumentTypeError."""
    when = moment(text)
    if when > time.time():
        raise ArgumentTypeError(f"{text!r} is still to come; give a time that is over, such as '2 days ago'")
    return when


def add_arguments(parser: ArgumentParser) -> None:
    """``--version`` or ``--time``."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--version", type=int, dest="of_version", metavar="N", help="as of this version (default: the newest)"
    )
    which.add_argument("--time", type=past, metavar="TIME", help="as it was at this time, e.g. '2 days ago'")


def chosen(options: dict[str, Any]) -> Snapshot:
    """The version that the options name. Raises VersionGone, InventoryUnavailable."""
    if options["of_version"] is None and options["time"] is None:
        return client.snapshot()
    with waiting("going back in the history"):
        return client.as_of(options["of_version"], options["time"])
