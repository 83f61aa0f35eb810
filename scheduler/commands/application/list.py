"""List programs."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from scheduler import applications
from scheduler.commands.application import common
from scheduler.models import State

HELP = "list users' programs, the newest first"


def add_arguments(parser: CommandParser) -> None:
    """Filters."""
    parser.add_argument("--state", action="append", choices=State.values, default=[], help="several may be given")
    parser.add_argument("--user", default="")
    parser.add_argument("--title", default="")
    parser.add_argument("--limit", type=int, default=50, help="so many at most (%(default)s)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """One line, or one object, per program."""
    found = applications.listed(options["state"], options["user"], options["title"])[: max(0, options["limit"])]
    if options["json"]:
        out.write(json.dumps([common.as_json(row) for row in found]))
        return
    for row in found:
        error = f"  {row.error.splitlines()[0]}" if row.error else ""
        out.write(
            f"{row.pk:>8} {row.state:<10} {row.queued_at:%Y-%m-%d %H:%M} {row.author} {row.level} {row.title}{error}"
        )
