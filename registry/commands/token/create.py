"""Make a bearer token."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser, OutputWrapper

from registry import callers, token_desk, tokens

HELP = "make a bearer token; its secret is shown this once and kept nowhere"


def add_arguments(parser: CommandParser) -> None:
    """USER, and for whom and how long."""
    parser.add_argument("user")
    parser.add_argument("--expires", type=float, metavar="DAYS", help="valid for so many days (default: until revoked)")
    parser.add_argument("--service", default="", help="what will act under the user with it")
    parser.add_argument(
        "--scope", action="append", choices=tokens.TARGETS, help="good for changing this only; can be repeated"
    )
    parser.add_argument("--read-only", action="store_true", help="good for changing nothing")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Make and show it."""
    user = User.objects.filter(username=options["user"]).first()
    if user is None:
        raise CommandError(f"there is no user {options['user']}")
    scopes = [] if options["read_only"] else options["scope"]
    token, secret = token_desk.make(callers.of_command(), options["service"], options["expires"], scopes, user)
    if options["json"]:
        expires = token.expires and token.expires.isoformat()
        out.write(json.dumps({"id": token.pk, "user": user.username, "token": secret, "expires": expires}))
    else:
        out.write(secret)
