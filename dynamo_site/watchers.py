"""Who may look at the machinery (metrics, details of the health page): a monitoring system, by address or by token."""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.http import HttpRequest

_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def may_watch(request: HttpRequest) -> bool:
    """A bearer token ``DYNAMO_METRICS_TOKEN``, or a direct connection from one of ``DYNAMO_METRICS_NETWORKS``."""
    return _has_token(request) or _is_near(request)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and scheme.lower() == "bearer" and secrets.compare_digest(given.encode(), wanted.encode())


def _is_near(request: HttpRequest) -> bool:
    # Through a proxy every request comes from the proxy's address, which is often this machine's.
    if any(request.META.get(name) for name in _FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in settings.METRICS_NETWORKS)
