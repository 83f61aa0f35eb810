"""Revoke a bearer token."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from registry import callers, token_desk
from registry.models import ApiToken

HELP = "refuse a bearer token from now on"


def add_arguments(parser: CommandParser) -> None:
    """The token's number."""
    parser.add_argument("id", type=int, help="number, as token list shows it")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """Revoke it; once more is no error."""
    token = ApiToken.objects.filter(pk=options["id"]).first()
    if token is None:
        raise CommandError(f"there is no token {options['id']}")
    token_desk.revoke(callers.of_command(), token)
    out.write(f"{token} is revoked")
