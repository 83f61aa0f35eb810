"""``manage.py detox cycles``: the cycles, newest first."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from detox import monitor
from detox.report import cycle_line
from inventory.subcommands import count

HELP = "list cycles that have ended, newest first"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--partition")
    parser.add_argument("--test", action="store_true", help="test runs instead")
    parser.add_argument("--limit", type=count, default=20)
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """One line a cycle, or a JSON list."""
    found = monitor.cycles(options["partition"], options["test"], options["limit"])
    out.write(json.dumps(found) if options["json"] else "\n".join(cycle_line(row) for row in found) or "no cycle yet")
