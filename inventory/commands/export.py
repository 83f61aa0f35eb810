"""``manage.py inventory export DIR``: the inventory as files."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO

from inventory.exporting import export
from inventory.history import times
from inventory.progress import bar
from inventory.schema import TABLES

HELP = "Write the inventory to a new directory: Parquet tables hold everything, TSV tables are for policies and small tools."


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="made; has to be empty if it exists")
    parser.add_argument("--format", choices=("parquet", "tsv"), default="parquet")
    times.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="number of rows as JSON")


def run(options: dict[str, Any], out: TextIO) -> None:
    """Write one version, all of it or nothing."""
    snapshot = times.chosen(options)
    with bar(f"writing {options['directory']}", len(TABLES)) as step:
        counts = export(snapshot, options["directory"], options["format"], step)
    if options["json"]:
        out.write(json.dumps({"version": snapshot.version, "rows": counts}))
    else:
        out.write(f"version {snapshot.version} in {options['directory']}")
        out.write("\n".join(f"  {table:<17}{number:>12}" for table, number in counts.items()))
