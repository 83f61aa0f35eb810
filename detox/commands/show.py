"""``manage.py detox show CYCLE``: one cycle; its policy, the decisions at a site, or a dataset over all sites."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from detox import monitor
from detox.report import datasets_text, summary_text
from inventory.subcommands import count

HELP = "show what a cycle did at every site, at one site (--site), with a dataset (--dataset), or its policy (--policy)"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("cycle", metavar="CYCLE", help="number of the cycle, or latest")
    parser.add_argument("--partition", help="with latest: of this partition")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--site", help="the decisions at this site")
    chosen.add_argument("--dataset", metavar="GLOB", help="the decisions on these datasets at all sites")
    chosen.add_argument("--policy", action="store_true", help="the policy that the cycle followed")
    parser.add_argument("--limit", type=count, help="at most so many decisions")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """The wanted part of the cycle, as text or JSON."""
    cycle = monitor.find_cycle(options["cycle"], options["partition"], None)
    if options["policy"]:
        out.write(json.dumps({"cycle": cycle.pk, "policy": cycle.policy}) if options["json"] else cycle.policy)
        return
    if options["dataset"]:
        found = monitor.search(cycle, [options["dataset"]])
        parts = [
            datasets_text(
                {
                    "site": row["site"],
                    "count": len(row["datasets"]),
                    "datasets": row["datasets"],
                    "lines": found["lines"],
                }
            )
            for row in found["results"][0]["sites"]
        ]
        text = "\n".join(parts) or f"no dataset matches {options['dataset']}"
    elif options["site"]:
        found = monitor.site_datasets(cycle, options["site"], limit=options["limit"])
        text = datasets_text(found)
    else:
        found = monitor.summary(cycle)
        text = summary_text(found)
    out.write(json.dumps(found) if options["json"] else text)
