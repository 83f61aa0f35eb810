"""Start a sequence."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from scheduler import sequences

HELP = "have a sequence go on: from its first step if it says restart, else where it stopped"


def add_arguments(parser: CommandParser) -> None:
    """Which one."""
    parser.add_argument("name")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Start it; beat does its steps."""
    started = sequences.start(options["name"])
    out.write(f"{options['name']} {'is started; beat and a worker do its steps' if started else 'goes on already'}")
