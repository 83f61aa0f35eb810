"""Stop a sequence."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from inventory.subcommands import login_name
from scheduler import sequences

HELP = "have a sequence do no further step; its present program goes on to its end unless --kill"


def add_arguments(parser: CommandParser) -> None:
    """Which one, and what becomes of its program."""
    parser.add_argument("name")
    parser.add_argument("--kill", action="store_true", help="end its present program, too")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Stop it."""
    program = sequences.stop(options["name"], login_name(), kill=options["kill"])
    told = "" if program is None else f"; program {program.pk} {'is being ended' if options['kill'] else 'goes on'}"
    out.write(f"{options['name']} is stopped{told}")
