"""Export to a classic file."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from scheduler import sequences

HELP = "write sequences as a classic file, which import reads"


def add_arguments(parser: CommandParser) -> None:
    """Which ones."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """To standard output."""
    out.write(sequences.export_text(options["names"]), ending="")
