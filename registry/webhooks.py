"""Calls of other people's addresses: only at hosts that the installation names, signed, never redirected, bounded in time."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from inventory import outward
from registry.errors import Refused, RegistryError

SIGNATURE = "Dynamo-Signature"
_SECONDS = 10.0


class NotDelivered(RegistryError):
    """The address did not take it; the text says why. It may later."""


def check_address(url: str) -> None:
    """Raise Refused unless ``url`` is an http(s) address at one of ``DYNAMO_WEBHOOK_HOSTS``."""
    try:
        parts = urlsplit(url)
        host, place = parts.hostname, parts.netloc
        httpx.URL(url)  # what cannot be called either
    except (ValueError, httpx.InvalidURL) as error:
        raise Refused(f"webhook: {url[:100]!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.password is not None:
        raise Refused(f"webhook: {url[:100]!r} is not an http or https address without user name")
    hosts = settings.WEBHOOK_HOSTS
    if host not in hosts and place not in hosts:
        raise Refused(f"webhook: {place} is not among the hosts of DYNAMO_WEBHOOK_HOSTS ({', '.join(hosts) or 'none'})")


def signature(body: bytes, at: int) -> str:
    """What the header ``Dynamo-Signature`` says of a body sent at UTC seconds ``at``: ``t=…,v1=…``.

    ``v1``: HMAC-SHA256, in hexadecimal digits, of the time, a dot and the body under DYNAMO_WEBHOOK_SECRET.
    """
    digest = hmac.new(settings.WEBHOOK_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def call(url: str, data: Mapping[str, Any]) -> None:
    """POST ``data`` as JSON. Raises NotDelivered unless the answer is 2xx, Refused where the host is not allowed any more."""
    check_address(url)
    body = json.dumps(data).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: signature(body, int(time.time()))}
    try:
        # Streamed: the answer's body is of no use, however large it is.
        with outward.stream("POST", url, seconds=_SECONDS, content=body, headers=headers) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotDelivered(f"{url} cannot be called: {error or type(error).__name__}") from error
    if not httpx.codes.is_success(status):
        raise NotDelivered(f"{url} answers {status}; it has to answer 2xx itself, redirects are not followed")
