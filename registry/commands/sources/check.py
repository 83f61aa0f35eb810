"""Read a source and say what would be written."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from registry import attribute_sources

HELP = "read a source now and say what it would change; the inventory is not changed"


def add_arguments(parser: CommandParser) -> None:
    """Which one."""
    parser.add_argument("name")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Counts, and the first rows."""
    reading = attribute_sources.Reading()
    frame = attribute_sources.look(attribute_sources.named(options["name"]), reading)
    if options["json"]:
        counts = {"rows": reading.rows, "unknown": reading.unknown, "changed": reading.changed}
        out.write(json.dumps({"source": options["name"], **counts, "first": frame.head(5).to_dicts()}))
        return
    out.write(f"{reading.rows} rows, {reading.unknown} of unknown datasets, {reading.changed} would change")
    for row in frame.head(5).iter_rows(named=True):
        out.write(f"    {', '.join(f'{name} {value}' for name, value in row.items())}")
