"""``policy restore``: put an old version in force again."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from inventory.policy import versions
from inventory.subcommands import login_name

HELP = (
    "Put an old version of a policy or of rules in force again, as a new version; it is checked as if it came in now."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Which, and who does it."""
    parser.add_argument("name", help="a policy's file name")
    parser.add_argument("number", type=int, metavar="N", help="version, as `policy history` lists it")
    parser.add_argument("--author", help="who the change is noted for (default: the login name)")
    parser.add_argument("--comment", default="", help="why")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Do it."""
    author = options["author"] or login_name()
    out.write(f"in force: {versions.restore(options['name'], options['number'], author, options['comment'])}")
