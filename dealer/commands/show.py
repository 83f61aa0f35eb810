"""``manage.py dealer show CYCLE``: one cycle with its sites, refusals and answers."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from dealer import history
from dealer.report import as_dict, as_text, cycle_called
from inventory.spreadsheets import written

HELP = "show one cycle; --list NAME prints one of its lists"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("cycle", metavar="CYCLE", help="number of the cycle, or latest")
    parser.add_argument("--list", choices=tuple(history.FRAMES), help="print this list as tab-separated text")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """The summary, or one list whole."""
    cycle = cycle_called(options["cycle"])
    if not options["list"]:
        out.write(json.dumps(as_dict(cycle)) if options["json"] else as_text(cycle))
        return
    frame = history.read(cycle.pk, options["list"])
    out.write(json.dumps(frame.to_dicts()) if options["json"] else written(_flat(frame), "\t"))


def _flat(frame: Any) -> Any:
    """Lists as texts: tab-separated text has no lists."""
    import polars as pl

    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(name).list.join(",") for name in lists)
