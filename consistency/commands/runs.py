"""``manage.py consistency runs``: the checks, newest first."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from consistency.models import Check
from consistency.report import as_dict, as_line
from inventory.subcommands import count

HELP = "list checks and cleanings, newest first"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--site")
    parser.add_argument("--limit", type=count, default=20)
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """One line a check, or a JSON list."""
    checks = Check.objects.all()
    if options["site"]:
        checks = checks.filter(site=options["site"])
    chosen = list(checks[: max(0, options["limit"])])
    if options["json"]:
        out.write(json.dumps([as_dict(check) for check in chosen]))
    elif not chosen:
        out.write("no check yet")
    else:
        out.write("\n".join(as_line(check) for check in chosen))
