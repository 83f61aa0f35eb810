"""Show one program."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from scheduler.commands.application import common

HELP = "show all about one program"


def add_arguments(parser: CommandParser) -> None:
    """Which one."""
    parser.add_argument("id", type=int)
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Its facts, one a line."""
    told = common.as_json(common.application(options["id"]))
    if options["json"]:
        out.write(json.dumps(told))
        return
    for name, value in told.items():
        if value not in (None, "", []):
            out.write(f"{name:<12} {value}")
