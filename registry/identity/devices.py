"""Logging in a program by a browser, as RFC 8628 has it: the program shows a code, its user types it on a page and approves.

The program keeps asking with a secret that only it has; once approved it gets a bearer token of that user, once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from registry import audit, tokens
from registry.callers import Caller
from registry.errors import Denied, NotThere, Refused
from registry.identity import attempts
from registry.models import ApiToken, DeviceLogin

LASTS = timedelta(minutes=10)
INTERVAL = 5
TOKEN_DAYS = 30.0
# No vowels, so that no words come out, and nothing that looks like something else.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_MOST_OPEN = 1000


class Pending(Refused):
    """Nobody has approved it yet; ask again after some seconds."""


class SlowDown(Pending):
    """Asked too soon after the last time."""


class Expired(Refused):
    """The code is not good any more, or never was."""


class Rejected(Denied):
    """The user does not want it."""


@dataclass(frozen=True)
class Begun:
    """What the program gets: its secret, the code to show, and seconds until it ends."""

    secret: str
    code: str
    seconds: int


def begin(client: str, address: str, scopes: Collection[str] | None = None) -> Begun:
    """A program wants to log in. Raises Refused for scopes that there are not, TooManyAttempts."""
    if scopes is not None:
        tokens.check_scopes(scopes)
    now = timezone.now()
    DeviceLogin.objects.filter(expires__lt=now - LASTS).delete()
    if DeviceLogin.objects.filter(address=address[:255], expires__gt=now).count() >= _MOST_OPEN:
        raise attempts.TooManyAttempts("too many logins have been begun from this address", 60)
    secret, code = secrets.token_urlsafe(32), "".join(secrets.choice(_LETTERS) for _ in range(8))
    DeviceLogin.objects.create(
        digest=_digest(secret), user_code=code, client=client[:255], address=address[:255], created=now, expires=now + LASTS,
        scopes=None if scopes is None else sorted(set(scopes)),
    )  # fmt: skip
    return Begun(secret, f"{code[:4]}-{code[4:]}", int(LASTS.total_seconds()))


def waiting(code: str, caller: Caller) -> DeviceLogin:
    """The login that waits under the code that a person typed. Raises NotThere, TooManyAttempts for who guesses."""
    attempts.check(f"device {caller.name}", caller.address)
    plain = "".join(letter for letter in code.upper() if letter.isalpha())[:16]
    found = DeviceLogin.objects.filter(user_code=plain, expires__gt=timezone.now(), user=None, denied=False).first()
    if found is None:
        attempts.failed(f"device {caller.name}", caller.address)
        raise NotThere("there is no login waiting under this code; is it typed right, and not older than ten minutes?")
    return found


def decide(code: str, caller: Caller, *, approve: bool) -> None:
    """The known user lets the program act under their name, or not. Raises NotThere, Denied, TooManyAttempts."""
    number = waiting(code, caller).pk  # outside of the transaction: a wrong guess counts although it raises
    if not caller.lasting:
        raise Denied(
            "log in yourself to approve this; credentials with a limit or an end cannot give away more than they have"
        )
    _decide(number, caller, approve)


@transaction.atomic
def _decide(number: int, caller: Caller, approve: bool) -> None:
    found = DeviceLogin.objects.select_for_update().filter(pk=number).first()
    if found is None or found.user is not None or found.denied:
        raise NotThere("this login is decided already")
    found.denied = not approve
    found.user = caller.user if approve else None  # type: ignore[assignment]
    found.parent = caller.token if approve else None
    found.save(update_fields=["denied", "user", "parent"])
    shown = {"client": found.client, "address": found.address, "scopes": found.scopes}
    audit.record(caller, "device.approve" if approve else "device.reject", f"device login {found.pk}", None, shown)


def collect(secret: str, service: str = "") -> tuple[ApiToken, str]:
    """The token of an approved login, given once. Raises Pending, SlowDown, Expired, Rejected."""
    with transaction.atomic():
        found = DeviceLogin.objects.select_for_update().filter(digest=_digest(secret)).first()
        if found is None or found.taken or found.expires <= timezone.now():
            raise Expired("this login has expired or was used already; begin again")
        if found.denied:
            raise Rejected("the login was rejected in the browser")
        if found.user is not None:
            return _made(found, service)
    raise _pending(found)


def _made(found: DeviceLogin, service: str) -> tuple[ApiToken, str]:
    user = cast(User, found.user)
    DeviceLogin.objects.filter(pk=found.pk).update(taken=True)
    token, secret = tokens.create(user, service or found.client, TOKEN_DAYS, found.scopes, found.parent)
    by = Caller(user, service=token.service, method="device", address=found.address)
    audit.record(by, "token.make", str(token), None, tokens.told(token))
    return token, secret


def _pending(found: DeviceLogin) -> Pending:
    now, last = timezone.now(), found.polled
    DeviceLogin.objects.filter(pk=found.pk).update(polled=now)
    if last is not None and now - last < timedelta(seconds=INTERVAL - 1):
        return SlowDown(f"ask again after {INTERVAL} seconds, not sooner")
    return Pending(f"nobody has approved it yet; ask again after {INTERVAL} seconds")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
