"""Tokens of running programs: made at a run's start, revoked at its end, and valid no longer than its limit."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth import get_user_model

from inventory.run_token_models import RunToken

PREFIX = "dynamo_run_"


def _digest(secret: str) -> str:
    # The secret is 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


@contextmanager
def issued(run: int, author: str, seconds: float, *, acts: bool) -> Iterator[str]:
    """A new token's secret, for the block and at most ``seconds``."""
    secret = PREFIX + secrets.token_urlsafe(32)
    expires = int(time.time() + seconds) + 1
    RunToken.objects.create(digest=_digest(secret), run=run, author=author, acts=acts, expires=expires)
    try:
        yield secret
    finally:
        revoke(run)


def revoke(run: int) -> None:
    """The tokens of the run are refused from now on."""
    RunToken.objects.filter(run=run).delete()


def valid(secret: str) -> RunToken | None:
    """The token with this secret, if its run goes on and its author has not become inactive."""
    if not secret.startswith(PREFIX):
        return None
    found = RunToken.objects.filter(digest=_digest(secret), expires__gt=int(time.time())).first()
    if found is not None and get_user_model().objects.filter(username=found.author, is_active=False).exists():
        return None
    return found


def forget() -> int:
    """Delete what is expired; how many: those of runs that died without an end."""
    return RunToken.objects.filter(expires__lte=int(time.time())).delete()[0]
