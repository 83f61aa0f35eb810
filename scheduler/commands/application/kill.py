"""End a program."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from inventory.subcommands import login_name
from scheduler import applications
from scheduler.commands.application import common

HELP = "end a program that waits or runs; nothing of it is written"


def add_arguments(parser: CommandParser) -> None:
    """Which one."""
    parser.add_argument("id", type=int)


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """End it, or tell that it has ended."""
    row = common.application(options["id"])
    if applications.kill(row, login_name()):
        out.write(f"application {row.pk} is ended, or will be within seconds")
    else:
        out.write(f"application {row.pk} had ended already: {row.state}")
