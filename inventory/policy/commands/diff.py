"""``policy diff``: what changed between two versions of a policy, or would change with a file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from inventory.policy import versions
from inventory.policy.checking import read_text
from inventory.policy.commands.load import diff

HELP = (
    "What changed from one version of a policy to another (default: to what is in force), or would change with a file."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Which."""
    parser.add_argument("name", help="a policy's file name")
    parser.add_argument("old", nargs="?", type=int, metavar="N", help="version (default: the one before the newest)")
    parser.add_argument("new", nargs="?", type=int, metavar="M", help="version (default: what is in force)")
    parser.add_argument("--file", type=Path, help="compare what is in force with this file")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Print it; nothing when there is no difference."""
    current = versions.in_force(options["name"])
    if options["file"]:
        text, why = read_text(options["file"])
        if why:
            raise CommandError(f"{options['file']}: {why}")
        out.write(diff(current.text, text, f"{current.name} version {current.number}", str(options["file"])))
        return
    newest = current.number if options["new"] is None else options["new"]
    old = newest - 1 if options["old"] is None else options["old"]
    before, after = (versions.version(options["name"], number).text for number in (old, newest))
    out.write(diff(before, after, f"{current.name} version {old}", f"{current.name} version {newest}"))
