"""``manage.py detox run POLICY``: one cycle."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from detox.cycle import run_cycle, try_cycle
from detox.monitor import summary
from detox.policies import load_policy
from detox.report import summary_text
from inventory.subcommands import login_name

HELP = "run a cycle of a policy; --test decides and shows, and changes nothing"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("policy", metavar="POLICY", help="name of a file in the policy directory, or a path")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--test", action="store_true", help="only decide and show; nothing is changed")
    chosen.add_argument(
        "--confirm", type=int, metavar="CYCLE", help="carry out what the guard refused in that cycle; nothing beyond it"
    )
    parser.add_argument(
        "--wait", type=float, metavar="SECONDS", help="give up when the turn to write does not come in time"
    )
    parser.add_argument("--comment", default="", help="kept with the cycle")
    parser.add_argument("--author", default=login_name(), help="in whose name (default: %(default)s)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Run the cycle and show what it did at every site."""
    policy = load_policy(options["policy"], record=True)
    if options["test"]:
        cycle = try_cycle(policy, options["author"], comment=options["comment"])
    else:
        cycle = run_cycle(
            policy, options["author"], wait=options["wait"], comment=options["comment"], confirms=options["confirm"]
        )
    found = summary(cycle)
    out.write(json.dumps(found) if options["json"] else summary_text(found))
