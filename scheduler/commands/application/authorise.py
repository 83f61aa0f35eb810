"""Say that a content may write for a user."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from inventory.subcommands import login_name
from scheduler.commands.application import common
from scheduler.models import Authorisation
from scheduler.programs import authorised, files

HELP = "say that programs with a content may write the inventory for a user, or withdraw that; without arguments: list"
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def add_arguments(parser: CommandParser) -> None:
    """User and content."""
    parser.add_argument("user", nargs="?")
    parser.add_argument("content", nargs="?", help="SHA-256 as sha256sum writes it, or the program's file")
    parser.add_argument("--title", default="", help="what the program is, for people")
    parser.add_argument("--note", default="", help="who looked at it, and what it is for")
    parser.add_argument("--withdraw", action="store_true", help="it may not write any more")
    parser.add_argument("--json", action="store_true", help="list as JSON")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Change or list."""
    if options["user"] is None:
        _list(out, as_json=options["json"])
        return
    if options["content"] is None:
        raise CommandError("give USER and CONTENT, or neither to list what is authorised")
    user, digest = common.user(options["user"]), _digest(options["content"])
    if options["withdraw"]:
        told = "may not write any more" if authorised.withdraw(user, digest) else "was not authorised"
    else:
        authorised.authorise(user, digest, login_name(), options["title"], options["note"])
        told = "may write"
    out.write(f"{digest} {told} for {user.get_username()}")


def _digest(content: str) -> str:
    if _DIGEST.fullmatch(content):
        return content.lower()
    try:
        return files.sha256(Path(content).read_bytes())
    except OSError as error:
        raise CommandError(f"{content} is neither a SHA-256 nor a file that can be read: {error.strerror}") from error


def _list(out: OutputWrapper, *, as_json: bool) -> None:
    rows = [
        {"user": row.user.get_username(), "sha256": row.sha256, "title": row.title, "by": row.authorised_by,
         "at": row.authorised_at.isoformat(timespec="seconds"), "note": row.note}
        for row in Authorisation.objects.select_related("user")
    ]  # fmt: skip
    if as_json:
        out.write(json.dumps(rows))
    for row in [] if as_json else rows:
        out.write(f"{row['sha256']} {row['user']} {row['title']} (by {row['by']}, {row['at']}) {row['note']}".rstrip())
