"""``manage.py fileops history``: what was tried lately."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any, TextIO

from django.utils import timezone

from fileops import reports
from fileops.errors import code_name
from inventory.subcommands import count

HELP = "list attempts of the last hours, newest first"
_COLUMNS = (
    "operation", "lfn", "source", "destination", "size", "created", "submitted", "started", "finished", "exit_code",
    "message", "batch", "subscription",
)  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--operation", choices=["copy", "delete"], default="")
    parser.add_argument("--source", default="")
    parser.add_argument("--destination", default="")
    parser.add_argument("--failed", action="store_true", help="only what failed")
    parser.add_argument("--limit", type=count, default=100)
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """One line an attempt, or a JSON list."""
    now = timezone.now()
    which = {name: options[name] for name in ("operation", "source", "destination")}
    rows = reports.history(now - timedelta(hours=options["hours"]), now, **which)
    if options["failed"]:
        rows = rows.exclude(exit_code=0)
    found = list(rows.values(*_COLUMNS)[: options["limit"]])
    if options["json"]:
        out.write(json.dumps(found, default=str))
        return
    for row in found:
        end = row["message"] or ("done" if not row["exit_code"] else code_name(row["exit_code"]))
        way = f"{row['source']} → {row['destination']}" if row["source"] else f"at {row['destination']}"
        out.write(f"{row['finished']:%Y-%m-%d %H:%M:%S} {row['operation']} {row['lfn']} {way}: {end}")
    if not found:
        out.write("nothing was tried")
