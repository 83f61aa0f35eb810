"""Making and revoking bearer tokens: who may with which credentials, the change, and its one record in the audit log."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import cast

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from registry import audit, tokens
from registry.callers import COMMAND, Caller
from registry.errors import Denied, NotAuthenticated
from registry.models import ApiToken


@transaction.atomic
def make(
    by: Caller, service: str = "", days: float | None = None, scopes: Collection[str] | None = None, user: User | None = None
) -> tuple[ApiToken, str]:  # fmt: skip
    """A token for oneself, or by a command for ``user``, and its secret (see ``tokens.create``). Raises Denied, Refused.

    By a token it is made by one without scopes only, and ends no later than that.
    """
    if by.method != COMMAND:
        days, user = _no_longer(by, days), cast(User, by.user)
    with audit.one_record():
        row, secret = tokens.create(cast(User, user), service, days, scopes, by.token)
    audit.record(by, "token.make", str(row), None, tokens.told(row))
    return row, secret


@transaction.atomic
def revoke(by: Caller, token: ApiToken) -> None:
    """End a token: one's own, or any as an administrator; once more is no error. A token with scopes ends only itself. Raises Denied."""
    if by.method != COMMAND and token != by.token:
        _unlimited(by)
        if token.user != by.user and not cast(User, by.user).is_superuser:
            raise Denied(f"{token} is not yours; only its user or an administrator revokes it")
    with audit.one_record():
        tokens.revoke(token)
    audit.record(by, "token.revoke", str(token), tokens.told(token), None)


def _unlimited(by: Caller) -> None:
    """Raise for credentials that are limited, or that others gave out: tokens of runs, and JWTs."""
    if not by.known:
        raise NotAuthenticated("tokens are for known users: log in")
    if not by.lasting and (by.token is None or by.scopes is not None):
        raise Denied("these credentials are limited; log in, or use a token without scopes, to make and revoke tokens")


def _no_longer(by: Caller, days: float | None) -> float | None:
    """Days that a new token lasts: it ends with the token that it is made with, at the latest."""
    _unlimited(by)
    if by.token is None or by.token.expires is None:
        return days
    left = (by.token.expires - timezone.now()) / timedelta(days=1)
    return left if days is None else min(days, left)
