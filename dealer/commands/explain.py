"""``manage.py dealer explain CYCLE ITEM|REQUEST``: for every site, why it was or was not chosen."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from dealer.explain import as_text, explain
from dealer.report import cycle_called

HELP = "tell why a dataset, a block or a request went where it went, or nowhere, in a cycle"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("cycle", metavar="CYCLE", help="number of the cycle, or latest")
    parser.add_argument("subject", metavar="ITEM|REQUEST", help="dataset, dataset#block, or number of a copy request")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """The story of the item or request in that cycle."""
    story = explain(cycle_called(options["cycle"]), options["subject"])
    out.write(json.dumps(story) if options["json"] else as_text(story))
