"""``policy retire``: from now on there is no policy, or are no rules, of that name."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import OutputWrapper

from inventory.policy import versions
from inventory.subcommands import login_name

HELP = (
    "Take a policy or rules out of force. Removing a file from the policy directory does not do that: a directory "
    "that is not mounted must not take protection away. A cycle that the settings name it for fails from then on."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Which, and who does it."""
    parser.add_argument("name", help="a policy's file name")
    parser.add_argument("--author", help="who the change is noted for (default: the login name)")
    parser.add_argument("--comment", default="", help="why")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Do it."""
    row = versions.retire(options["name"], options["author"] or login_name(), options["comment"])
    out.write(
        f"retired: {row.name}; version {row.number - 1} was the last, `policy restore {row.name} {row.number - 1}` brings it back"
    )
