"""Show one sequence."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from scheduler import sequences
from scheduler.commands.sequence import common

HELP = "show the steps of a sequence with the state of each"


def add_arguments(parser: CommandParser) -> None:
    """Which one."""
    parser.add_argument("name")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Its line, and one for each step."""
    (view,) = sequences.views([sequences.get(options["name"]).name])
    if options["json"]:
        out.write(json.dumps(common.as_json(view)))
        return
    out.write(common.line(view))
    for step in view.steps:
        number = f"application {step.application}" if step.application else ""
        out.write(
            f"{'>' if step.current else ' '} {step.position:>3} {step.state:<10} {step.what}  {number} {step.error}".rstrip()
        )
