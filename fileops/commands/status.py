"""``manage.py fileops status``: what is open, at which site, and why it waits."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any, TextIO

from fileops import reports
from inventory.units import volume

HELP = "show what is open by site, state and reason, and what takes too long"


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of this subcommand."""
    parser.add_argument("--site")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: TextIO) -> None:
    """A table, or a JSON object."""
    total, rows = reports.status(), reports.counts(options["site"])
    if options["json"]:
        out.write(json.dumps({**total.as_dict(), "sites": rows.to_dicts()}, default=str))
        return
    for row in rows.iter_rows(named=True):
        why = f" ({row['reason']})" if row["reason"] else ""
        out.write(
            f"{row['site']:<24} {row['operation']:<6} {row['state']}{why}: {row['files']} files, "
            f"{volume(row['bytes'])}, oldest of {row['oldest']:%Y-%m-%d %H:%M} UTC"
        )
    out.write(f"{sum(total.open.values())} open, {total.unreported} done and not yet in the inventory")
    if total.overdue:
        out.write(f"{total.overdue} have been open for more than {total.limit_days:g} days")
