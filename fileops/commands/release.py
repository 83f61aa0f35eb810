"""``manage.py fileops release``: have held files tried again."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from fileops.release import chosen, release
from inventory.subcommands import login_name
from registry.callers import of_command

HELP = "let held files, and those that wait for their next attempt, be tried at once"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--site", action="append", default=[])
    parser.add_argument("--reason", action="append", default=[])
    parser.add_argument("--id", action="append", type=int, default=[])
    parser.add_argument("--all", action="store_true", help="every one; without any selection nothing is released")
    parser.add_argument("--author", default=login_name(), help="in whose name (default: %(default)s)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Release and tell how many."""
    rows = chosen(options["site"], options["reason"], options["id"], everything=options["all"])
    count = release(rows, of_command(options["author"]))
    out.write(json.dumps({"released": count}) if options["json"] else f"{count} released")
