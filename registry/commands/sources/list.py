"""List attribute sources."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper
from django.utils import timezone

from registry import attribute_sources

HELP = "list the sources, what they give, when they were last read, and what is wrong"


def add_arguments(parser: CommandParser) -> None:
    """As JSON or not."""
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """One line a source, and one for its trouble."""
    found = attribute_sources.every_source(timezone.now())
    if options["json"]:
        out.write(json.dumps(found))
        return
    for row in found:
        good = f"{datetime.fromtimestamp(row['good_at'], UTC):%Y-%m-%d %H:%M} UTC" if row["good_at"] else "never"
        state = "" if row["enabled"] else " (not enabled)"
        out.write(
            f"{row['name']}{state}: {row['kind']}, {', '.join(row['provides'])}; last good {good}, {row['rows'] or 0} rows"
        )
        if row["trouble"]:
            out.write(f"    {row['trouble']} (on trouble: {row['on_trouble']})")
    if not found:
        out.write("no attribute source; the admin pages have a form for them")
