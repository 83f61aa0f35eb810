"""Show what a program wrote."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from scheduler import applications
from scheduler.commands.application import common

HELP = "show what a program wrote; lines of [dynamo] are ours"
_PIECE = 1 << 20


def add_arguments(parser: CommandParser) -> None:
    """Which one, and how much."""
    parser.add_argument("id", type=int)
    parser.add_argument("--tail", type=int, metavar="BYTES", help="only so many bytes of the end")
    parser.add_argument("--follow", action="store_true", help="go on until it ends")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """The log from its beginning or near its end."""
    row = common.application(options["id"])
    part = applications.log(row, -options["tail"] if options["tail"] else 0, options["tail"] or _PIECE)
    while part.text:
        out.write(part.text, ending="")
        part = applications.log(row, part.next, _PIECE)
    if options["follow"]:
        common.follow(row, out, part.next)
