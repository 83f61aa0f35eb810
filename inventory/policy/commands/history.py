"""``policy history``: which texts there were of a policy, who put each in force, and when."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from inventory.models import PolicyVersion
from inventory.policy import versions

HELP = "Versions of policies and rules, the newest first: when, by whom, from where."


def add_arguments(parser: ArgumentParser) -> None:
    """Which."""
    parser.add_argument("name", nargs="?", help="a policy's file name (default: all that are in force)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """List them."""
    rows = list(PolicyVersion.objects.filter(name=options["name"])) if options["name"] else _newest()
    if options["name"] and not rows:
        versions.in_force(options["name"])
    if options["json"]:
        out.write(json.dumps([as_dict(row) for row in rows], indent=2))
    else:
        out.write(
            "\n".join([*map(_line, rows), *versions.alarms()])
            or "there are no versions yet: the first cycle, or `policy load`, makes some"
        )


def _newest() -> list[PolicyVersion]:
    names = PolicyVersion.objects.order_by("name").values_list("name", flat=True).distinct()
    return [row for name in names if (row := versions.newest(name)) is not None]


def as_dict(row: PolicyVersion) -> dict[str, Any]:
    """A version for JSON, without its text."""
    columns = ("name", "number", "kind", "digest", "author", "source", "origin", "revision", "comment")
    return {column: getattr(row, column) for column in columns} | {"time": int(row.time.timestamp())}


def _line(row: PolicyVersion) -> str:
    commit = f" at {row.revision[:12]}" if row.revision else ""
    comment = f"  {row.comment}" if row.comment else ""
    return f"{row.name:24} {row.number:>4}  {row.time:%Y-%m-%d %H:%M:%S} UTC  {row.source:9} {row.digest[:12]}  {row.author}  {row.origin}{commit}{comment}"
