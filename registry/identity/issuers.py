"""Tokens (JWT) of other institutions, as WLCG and SciTokens have them: signature, issuer, audience, expiry, subject, scopes.

Only issuers of ``DYNAMO_TOKEN_ISSUERS`` count, and only keys that these publish: at the issuer's own host, found by its
metadata, never where a token or a redirect says. ``TokenSubject`` says which user a subject is; scopes ``dynamo`` and
``dynamo.<target>`` say what may be changed, others are for others.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from django.conf import settings
from jwt import PyJWK, PyJWKSet

from inventory import outward
from registry.errors import Busy, NotAuthenticated
from registry.models import TokenSubject

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""With a public key only: a shared secret, or none at all, proves nothing."""
_METADATA = (".well-known/openid-configuration", ".well-known/oauth-authorization-server")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LEEWAY = 30
_FRESH, _AGAIN, _SOON = 3600.0, 60.0, 2
_SECONDS, _MOST_BYTES, _LONGEST = 5.0, 1_000_000, 16_384
_SCOPE = "dynamo"


@dataclass
class _Keys:
    """Keys of an issuer by their id, when they were read, and when it was last tried."""

    by_id: dict[str, PyJWK] = field(default_factory=dict)
    read: float = float("-inf")
    tried: float = float("-inf")
    trouble: str = ""
    reading: bool = False


_KEYS: dict[str, _Keys] = {}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Identity:
    """Who a token stands for, and the targets that it is good for changing (None: all that its user may change)."""

    subject: TokenSubject
    scopes: frozenset[str] | None


def looks_like_one(secret: str) -> bool:
    """Whether a bearer token has the form of a JWT."""
    return secret.count(".") == 2


def identity_of(token: str) -> Identity:
    """Who the token stands for. Raises NotAuthenticated, or Busy when its issuer's keys cannot be had now."""
    if len(token) > _LONGEST:
        raise NotAuthenticated(f"this token is longer than {_LONGEST} characters")
    issuer = _issuer(token)
    claims = _claims(token, issuer)
    subject = str(claims["sub"])
    found = TokenSubject.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
    if found is None:
        raise NotAuthenticated(
            f"the subject {subject[:100]!r} of {issuer} is not known here; an administrator can add it to a user"
        )
    if not found.user.is_active:
        raise NotAuthenticated(f"user {found.user.get_username()} is not active")
    return Identity(found, scopes_of(claims.get("scope", "")))


def scopes_of(given: Any) -> frozenset[str] | None:
    """Targets that the claim ``scope`` (a text, or a list) allows to change; None: all. ``dynamo.read`` changes nothing.

    A scope with a path (``dynamo.registry:/data``) is for a part that there is not here: it allows nothing.
    """
    names = given.split() if isinstance(given, str) else [str(name) for name in given or ()]
    found = {name for name in (each.removesuffix(":/") for each in names) if ":" not in name}
    if _SCOPE in found:
        return None
    return frozenset(name.removeprefix(f"{_SCOPE}.") for name in found if name.startswith(f"{_SCOPE}.")) - {"read"}


def _issuer(token: str) -> str:
    try:
        told = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError) as error:
        raise NotAuthenticated("this is neither a token of ours nor a readable JWT") from error
    if not isinstance(told, str) or told not in settings.TOKEN_ISSUERS:
        raise NotAuthenticated(f"tokens of the issuer {str(told)[:100]!r} are not taken here")
    return told


def _claims(token: str, issuer: str) -> Mapping[str, Any]:
    if not settings.TOKEN_AUDIENCES:
        raise NotAuthenticated("DYNAMO_TOKEN_AUDIENCES is empty: no token can be meant for this server")
    try:
        header = jwt.get_unverified_header(token)
        key = _key(issuer, str(header.get("kid", "")))
        # The algorithm is the key's, or one of those that fit its kind; never whatever the token says.
        algorithms = [name for name in ALGORITHMS if _fits(key, name)]
        return jwt.decode(
            token, key.key, algorithms=algorithms, audience=settings.TOKEN_AUDIENCES, issuer=issuer, leeway=_LEEWAY,
            options={"require": ["exp", "iss", "sub", "aud"]},
        )  # fmt: skip
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAuthenticated(f"this token of {issuer} does not hold: {error}") from error


def _fits(key: PyJWK, algorithm: str) -> bool:
    kinds = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}
    if not algorithm.startswith(kinds.get(key.key_type or "", ())):
        return False
    return key._jwk_data.get("alg") in (None, algorithm)


def _key(issuer: str, number: str) -> PyJWK:
    """The issuer's key of that id, read anew when it is unknown, but not too often, and by one thread while others go on."""
    with _LOCK:
        keys = _KEYS.setdefault(issuer, _Keys())
        now = time.monotonic()
        stale = now - keys.read > _FRESH or (number and number not in keys.by_id)
        mine = bool(stale and not keys.reading and now - keys.tried > _AGAIN)
        if mine:
            keys.tried, keys.reading = now, True
    if mine:
        try:
            _read(issuer, keys)
        finally:
            keys.reading = False
    reading, by_id = keys.reading, keys.by_id
    only = list(by_id.values()) if not number and len(by_id) == 1 else []
    found = by_id.get(number) or (only[0] if only else None)
    if found is not None:
        return found
    if reading:
        raise Busy(f"the keys of {issuer} are being read", _SOON)
    if keys.trouble:
        raise Busy(f"the keys of {issuer} cannot be read now: {keys.trouble}", round(_AGAIN))
    raise NotAuthenticated(f"{issuer} publishes no key {number[:100]!r}")


def forget_keys() -> None:
    """Read all keys anew when they are wanted next."""
    with _LOCK:
        _KEYS.clear()


def _read(issuer: str, keys: _Keys) -> None:
    try:
        address = _keys_address(issuer)
        found = PyJWKSet.from_dict(_fetched(address, issuer))
    except (httpx.HTTPError, httpx.InvalidURL, jwt.PyJWTError, ValueError) as error:
        # What was known before stays good: an issuer that is away must not stop who has its tokens.
        keys.trouble = str(error) or type(error).__name__
        return
    keys.by_id = {str(key.key_id or ""): key for key in found.keys if key.public_key_use in (None, "sig")}
    keys.read, keys.trouble = time.monotonic(), ""


def _keys_address(issuer: str) -> str:
    trouble = ""
    for name in _METADATA:
        try:
            told = _fetched(f"{issuer.rstrip('/')}/{name}", issuer)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            trouble = str(error) or type(error).__name__
            continue
        if told.get("issuer") != issuer:
            raise ValueError(f"the metadata there are of another issuer, {str(told.get('issuer'))[:100]!r}")
        return str(told.get("jwks_uri", ""))
    raise ValueError(f"no metadata: {trouble}")


def _fetched(address: str, issuer: str) -> dict[str, Any]:
    """The JSON object at ``address``, which has to be at the issuer's host. Raises ValueError, httpx.HTTPError."""
    _check_address(address, issuer)
    ends, parts, size = time.monotonic() + _SECONDS, [], 0
    with outward.stream("GET", address, seconds=_SECONDS, given=issuer) as answer:
        if answer.status_code != httpx.codes.OK:
            raise ValueError(f"{address} answers {answer.status_code}; redirects are not followed")
        for part in answer.iter_bytes(65536):
            parts.append(part)
            size += len(part)
            if size > _MOST_BYTES or time.monotonic() > ends:
                raise ValueError(f"{address} answers too much, or too slowly")
    found = json.loads(b"".join(parts))
    if not isinstance(found, dict):
        raise ValueError(f"{address} answers no JSON object")
    return found


def _check_address(address: str, issuer: str) -> None:
    there, own = urlsplit(address), urlsplit(issuer)
    secure = there.scheme == "https" or (there.scheme == "http" and there.hostname in _LOOPBACK)
    if not secure or there.username is not None:
        raise ValueError(f"{address[:100]!r} is not an https address")
    if there.netloc not in {own.netloc, *settings.TOKEN_KEY_HOSTS}:
        raise ValueError(f"{there.netloc} is not the issuer's own host; DYNAMO_TOKEN_KEY_HOSTS can allow it")
