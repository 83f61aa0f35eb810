"""List bearer tokens."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from registry.models import ApiToken

HELP = "list bearer tokens (never their secrets)"
_TIMES = ("created", "expires", "last_used", "revoked")


def add_arguments(parser: CommandParser) -> None:
    """Optionally only of one user."""
    parser.add_argument("user", nargs="?")
    parser.add_argument("--json", action="store_true")


def run(options: dict[str, Any], out: OutputWrapper) -> None:
    """One line, or one object, per token."""
    tokens = ApiToken.objects.select_related("user").order_by("id")
    if options["user"]:
        tokens = tokens.filter(user__username=options["user"])
    rows = [_row(token) for token in tokens]
    if options["json"]:
        out.write(json.dumps(rows))
        return
    for row in rows:
        told = ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in _TIMES if row[name])
        out.write(f"{row['id']} {row['user']} {row['service']} {told}".replace("  ", " "))


def _row(token: ApiToken) -> dict[str, Any]:
    times = {name: getattr(token, name) for name in _TIMES}
    shown = {name: value and value.isoformat(timespec="seconds") for name, value in times.items()}
    return {"id": token.pk, "user": token.user.get_username(), "service": token.service, **shown}
