"""``manage.py dealer cycles``: the cycles, newest first."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from dealer.models import Cycle
from dealer.report import as_line, summary
from inventory.subcommands import count

HELP = "list cycles, newest first"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--partition")
    parser.add_argument("--limit", type=count, default=20)
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """One line a cycle, or a JSON list."""
    cycles = Cycle.objects.all()
    if options["partition"]:
        cycles = cycles.filter(partition=options["partition"])
    chosen = list(cycles[: max(0, options["limit"])])
    if options["json"]:
        out.write(json.dumps([summary(cycle) for cycle in chosen]))
    else:
        out.write("\n".join(as_line(cycle) for cycle in chosen) or "no cycle yet")
