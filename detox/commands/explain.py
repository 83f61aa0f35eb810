"""``manage.py detox explain CYCLE SITE DATASET``: every line of the stack with the values it saw, and what would have turned the decision."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any, TextIO

from detox import monitor
from detox.counterfactual import kept
from detox.counterfactual.search import Limits
from detox.explain import of_cycle
from detox.report import changes_text, story_text

HELP = "tell why a cycle deleted, kept or protected a dataset, or one block of it, at a site, and what would have turned that"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("cycle", metavar="CYCLE", help="number of the cycle, or latest; test runs too")
    parser.add_argument("site", metavar="SITE")
    parser.add_argument("dataset", metavar="DATASET", help="a dataset, or DATASET#BLOCK")
    parser.add_argument("--partition", help="with latest: of this partition")
    parser.add_argument("--no-changes", action="store_true", help="do not look for what would have turned the decision")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="look for changes no longer than this (default: %(default)g)"
    )
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """The story of the replica."""
    cycle = monitor.find_cycle(options["cycle"], options["partition"], None)
    story = of_cycle(cycle, options["site"], options["dataset"])
    if story["values_kept"] and not options["no_changes"]:
        if not kept.is_quick(cycle):
            sys.stderr.write(f"deciding {cycle} again with changes, for at most about {options['seconds']:g} s\n")
        limits = Limits(seconds=options["seconds"])
        story["changes"] = kept.of_cycle(cycle, options["site"], options["dataset"], limits)
    text = story_text(story) + (changes_text(story["changes"]) if "changes" in story else "")
    out.write(json.dumps(story) if options["json"] else text)
