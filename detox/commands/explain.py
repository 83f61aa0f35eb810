"""``manage.py detox explain CYCLE SITE DATASET``: every line of the stack with the values it saw and whether it matched."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from detox import monitor
from detox.explain import of_cycle
from detox.report import story_text

HELP = "tell why a cycle deleted, kept or protected a dataset at a site"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("cycle", metavar="CYCLE", help="number of the cycle, or latest; test runs too")
    parser.add_argument("site", metavar="SITE")
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("--partition", help="with latest: of this partition")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """The story of the replica."""
    cycle = monitor.find_cycle(options["cycle"], options["partition"], None)
    story = of_cycle(cycle, options["site"], options["dataset"])
    out.write(json.dumps(story) if options["json"] else story_text(story))
