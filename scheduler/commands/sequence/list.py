"""List sequences."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from scheduler import sequences
from scheduler.commands.sequence import common

HELP = "list sequences: where each stands, and its failing step"


def add_arguments(parser: CommandParser) -> None:
    """Form of the answer."""
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """One line, or one object, per sequence."""
    views = sequences.views()
    if options["json"]:
        out.write(json.dumps([common.as_json(view) for view in views]))
    for view in [] if options["json"] else views:
        out.write(common.line(view))
