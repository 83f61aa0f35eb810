"""``manage.py fileops held``: files that wait for somebody or something, each with the reason."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from fileops.lifecycle import State
from fileops.models import Subscription
from inventory.subcommands import count

HELP = "list held files with reason and last error"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--site", action="append", default=[])
    parser.add_argument("--reason", action="append", default=[])
    parser.add_argument("--limit", type=count, default=100)
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """One line a file, or a JSON list; the number of those not shown is told."""
    rows = Subscription.objects.filter(state=State.HELD).order_by("id")
    if options["site"]:
        rows = rows.filter(site__in=options["site"])
    if options["reason"]:
        rows = rows.filter(reason__in=options["reason"])
    columns = ("id", "operation", "site", "lfn", "reason", "attempts", "message", "cause", "author", "created")
    found = list(rows.values(*columns)[: options["limit"]])
    if options["json"]:
        out.write(json.dumps(found, default=str))
        return
    for row in found:
        out.write("{id} {operation} {lfn} at {site}: {reason}, {attempts} attempts {message}".format(**row).rstrip())
    more = rows.count() - len(found)
    out.write(f"and {more} more" if more else f"{len(found)} held")
