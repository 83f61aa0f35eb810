"""``manage.py inventory set TABLE NAME COLUMN=VALUE…``: facts of one group, site or dataset."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

import polars as pl

from inventory import client, entering, turn
from inventory.snapshot import Snapshot

HELP = (
    "Change facts of one group, site or dataset, as in: set sites T2_US_MIT status=MORGUE; set --new makes one. "
    "Without COLUMN=VALUE, show it."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("table", choices=entering.SETTABLE)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("assignments", nargs="*", metavar="COLUMN=VALUE")
    parser.add_argument("--new", action="store_true", help="make it; refused when it is there")
    turn.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Check the name, change, show what is there now."""
    table, name = options["table"], options["name"]
    _check_name(client.snapshot(), table, name, options["new"])
    if options["new"] or options["assignments"]:
        row = entering.set_row(table, name, options["assignments"])
        with turn.taken("inventory set", options, table=table, name=name, values=options["assignments"]) as run:
            _check_name(run.snapshot(), table, name, options["new"])
            run.commit(run.changes().put(table, [row]))
    found = client.snapshot().frame(table).filter(pl.col("name") == name).row(0, named=True)
    told = "\n".join(f"{column}: {'' if value is None else value}" for column, value in found.items())
    out.write(json.dumps(found, indent=2) if options["json"] else told)


def _check_name(snapshot: Snapshot, table: str, name: str, new: bool) -> None:
    known = snapshot.frame(table)["name"].to_list()
    if new:
        entering.check_new(table, name, known)
    else:
        entering.check_known(table, [name], known)
