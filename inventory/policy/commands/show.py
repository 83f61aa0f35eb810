"""``policy show``: a text that is, or was, in force."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from inventory.policy import versions
from inventory.policy.commands.history import as_dict

HELP = "The text in force of a policy or of rules, or an old version of it; to be put into a file."


def add_arguments(parser: ArgumentParser) -> None:
    """Which."""
    parser.add_argument("name", help="a policy's file name")
    parser.add_argument(
        "--version", type=int, dest="number", metavar="N", help="an old version (default: what is in force)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, with who put it in force")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Print it."""
    if options["number"] is None:
        found = versions.in_force(options["name"])
        text, about = (
            found.text,
            {
                "name": found.name,
                "number": found.number,
                "kind": found.kind,
                "alarm": found.alarm,
                "origin": found.origin,
            },
        )
    else:
        row = versions.version(options["name"], options["number"])
        text, about = row.text, as_dict(row)
    out.write(json.dumps(about | {"text": text}, indent=2) if options["json"] else text, ending="")
