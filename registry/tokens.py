"""Bearer tokens: shown once when made, kept as a hash, with an end, revocable."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from registry.errors import NotAuthenticated, Refused
from registry.models import ApiToken

PREFIX = "dynamo_"
TARGETS = ("inventory", "registry", "application", "detox", "dealer", "fileops", "consistency", "policy")
"""What roles are on, and what tokens are good for changing."""
_USE_NOTED_EVERY = timedelta(minutes=1)


def _digest(secret: str) -> str:
    # The secret is 256 random bits: a slow hash would add nothing but time to every call.
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def create(
    user: User, service: str = "", days: float | None = None, scopes: Collection[str] | None = None,
    parent: ApiToken | None = None,
) -> tuple[ApiToken, str]:  # fmt: skip
    """A new token of ``user`` that ends after ``days`` (None: never), and its secret, which is kept nowhere.

    ``scopes``: targets that it is good for changing (None: whatever the user may; empty: reading only). ``parent``: the token it is
    made with: it is revoked with that. Raises Refused.
    """
    if days is not None and not 0 < days <= 36500:
        raise Refused(f"a token cannot last {days} days; give a number above 0")
    secret = PREFIX + secrets.token_urlsafe(32)
    now = timezone.now()
    expires = None if days is None else now + timedelta(days=days)
    named = None if scopes is None else check_scopes(scopes)
    if parent is not None and not ApiToken.objects.select_for_update().filter(pk=parent.pk, revoked=None).exists():
        raise Refused("the token that this is made with was revoked meanwhile")
    token = ApiToken.objects.create(
        user=user, service=service, digest=_digest(secret), created=now, expires=expires, scopes=named,
        parent=parent,
    )  # fmt: skip
    return token, secret


def check_scopes(scopes: Collection[str]) -> list[str]:
    """The scopes, each once. Raises Refused for one that there is not."""
    wrong = sorted(set(scopes) - set(TARGETS))
    if wrong:
        raise Refused(f"there is no scope {wrong[0][:100]!r}; use some of {', '.join(TARGETS)}")
    return sorted(set(scopes))


def told(token: ApiToken) -> dict[str, object]:
    """The token for the audit log."""
    return {
        "user": token.user.get_username(),
        "service": token.service,
        "scopes": token.scopes,
        "expires": token.expires,
    }


def find(secret: str) -> ApiToken:
    """The valid token with this secret, its use noted; NotAuthenticated says why there is none."""
    token = ApiToken.objects.select_related("user").filter(digest=_digest(secret)).first()
    now = timezone.now()
    if token is None:
        raise NotAuthenticated("this bearer token is not known; ask an administrator for a new one")
    if token.revoked is not None:
        raise NotAuthenticated(f"this bearer token was revoked at {token.revoked:%Y-%m-%d %H:%M} UTC")
    if token.expires is not None and token.expires <= now:
        raise NotAuthenticated(f"this bearer token expired at {token.expires:%Y-%m-%d %H:%M} UTC")
    if not token.user.is_active:
        raise NotAuthenticated(f"user {token.user.get_username()} is not active")
    _note_use(token, now)
    return token


def _note_use(token: ApiToken, now: datetime) -> None:
    # Not at every call: reading must not become writing.
    if token.last_used is None or now - token.last_used >= _USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)


@transaction.atomic
def revoke(token: ApiToken) -> int:
    """The token, those made with it, and theirs, are refused from now on; how many that were not already."""
    # Locked, the token first as ``create`` does: what is made with it meanwhile is either seen here, or refused there.
    rows = ApiToken.objects.select_for_update()
    found = set(rows.filter(pk=token.pk).values_list("pk", flat=True))
    while below := set(rows.filter(parent__in=found).values_list("pk", flat=True)) - found:
        found |= below
    now = timezone.now()
    # Kept in the row at hand, too: whoever shows it next.
    token.revoked = token.revoked or now
    return ApiToken.objects.filter(pk__in=found, revoked=None).update(revoked=now)


def revoke_all(user: User) -> int:
    """All tokens of the user are refused from now on; how many that were not already."""
    return ApiToken.objects.filter(user=user, revoked=None).update(revoked=timezone.now())
