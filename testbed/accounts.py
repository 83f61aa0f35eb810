"""The demo's accounts: an operator who can log in, and the production system that injects and asks, with its token."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from django.contrib.auth.models import User

from registry import rights, tokens

OPERATOR, PRODUCER = "operator", "production"


def ensure(directory: Path) -> tuple[str, str]:
    """The operator's password and the producer's token, made at the first start and kept for their owner only."""
    password = _kept(directory / "operator_password", _make_operator)
    return password, _kept(directory / "production_token", _make_producer)


def _kept(path: Path, make: Callable[[], str]) -> str:
    if path.exists():
        return path.read_text().strip()
    secret = make()
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secret)
    return secret


def _make_operator() -> str:
    password = secrets.token_urlsafe(9)
    user, _ = User.objects.get_or_create(username=OPERATOR, defaults={"is_staff": True, "is_superuser": True})
    user.set_password(password)
    user.save()
    return password


def _make_producer() -> str:
    user, _ = User.objects.get_or_create(username=PRODUCER)
    rights.grant(user, "admin", "inventory")
    return tokens.create(user, service="demo")[1]
