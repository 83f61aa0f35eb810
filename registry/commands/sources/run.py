"""Read a source now and write what is new."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from inventory.subcommands import login_name
from registry import attribute_sources

HELP = "read a source now and write what is new to the inventory"


def add_arguments(parser: CommandParser) -> None:
    """Which one, and how patiently."""
    parser.add_argument("name")
    parser.add_argument(
        "--wait", type=float, default=600.0, metavar="SECONDS", help="for the turn to write (default: %(default)g)"
    )
    parser.add_argument("--author", default=login_name(), help="in whose name (default: %(default)s)")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Tell what was written."""
    row = attribute_sources.fetch(attribute_sources.named(options["name"]), options["author"], wait=options["wait"])
    told = {
        "source": options["name"],
        "rows": row.rows,
        "unknown": row.unknown,
        "changed": row.changed,
        "version": row.version,
    }
    version = f"version {row.version}" if row.version else "nothing to write"
    text = f"{row.rows} rows, {row.unknown} of unknown datasets, {row.changed} changed: {version}"
    out.write(json.dumps(told) if options["json"] else text)
