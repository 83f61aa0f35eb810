"""Revoke a bearer token."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.db import transaction

from registry import audit, callers, tokens
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
    with transaction.atomic():
        tokens.revoke(token)
        audit.record(callers.of_command(), "token.revoke", str(token), tokens.told(token), None)
    out.write(f"{token} is revoked")
