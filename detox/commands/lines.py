"""``manage.py detox lines PARTITION``: which line of the policies has protected, kept and deleted how much."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any, TextIO

from detox.line_history import read
from detox.lines import PERIODS
from detox.report import lines_text
from inventory.policy.times import parse_time
from inventory.spreadsheets import written
from inventory.subcommands import count

HELP = "tell which line of the policies has protected, kept and deleted how much over many cycles; the largest first"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("partition", metavar="PARTITION")
    parser.add_argument("--since", metavar="T", help="cycles begun from then on, as policies write times: 1 year ago")
    parser.add_argument("--until", metavar="T", help="cycles begun before then")
    parser.add_argument("--by", choices=("site",), help="for each site apart")
    parser.add_argument("--per", choices=PERIODS, help="for each period apart")
    parser.add_argument("--limit", type=count, default=0, help="at most so many rows; 0: all (default)")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--csv", action="store_true", help="sizes in bytes, times in UTC seconds")


def run(options: dict[str, Any], out: TextIO) -> None:
    """The accounts as a table, JSON or CSV."""
    now = int(time.time())
    since, until = (parse_time(text, now) if text else None for text in (options["since"], options["until"]))
    found = read(options["partition"], since, until, options["by"] == "site")
    lines = found.accounts(options["per"])
    lines = lines.head(options["limit"]) if options["limit"] > 0 else lines
    if options["csv"]:
        out.write(written(lines))
    elif options["json"]:
        about = {"partition": options["partition"], "cycles": found.cycles, "missing": list(found.missing)}
        out.write(
            json.dumps(about | {"first": found.first, "last": found.last, "lines": lines.to_dicts()}, default=str)
        )
    else:
        out.write(
            lines_text(options["partition"], found.cycles, found.missing, (found.first, found.last), lines.to_dicts())
        )
