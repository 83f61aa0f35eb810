"""``manage.py fileops advance``: one round."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from fileops.rounds import APPLICATION, advance

HELP = "do all that can be done now: take over requests, plan, move, report, clean"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--seconds", type=float, help="begin no further files after so long")
    parser.add_argument("--author", default=APPLICATION, help="in whose name (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the choice among equal sources")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Do the round and tell what it did."""
    found = advance(options["seconds"], options["author"], options["seed"]).as_dict()
    if options["json"]:
        out.write(json.dumps(found))
        return
    told = [f"{name.replace('_', ' ')}: {value}" for name, value in found.items() if value and name != "notes"]
    out.write("\n".join([*told, *found["notes"]]) or "nothing to do")
