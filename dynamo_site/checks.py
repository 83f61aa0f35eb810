"""System checks: settings that would only fail later, told at every start with what is wrong and what would be right."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from registry.identity.front import BY_SOCKET
from scheduler.broker import password_of, socket_path

_SCHEMES = ("unix://", "redis://", "rediss://", "sentinel://")
_SHORTEST_TOKEN = 16
_SHARED = ("/", "/run", "/var/run")
_LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
_REDIS = "give it requirepass and redis://:PASSWORD@host:port/0, or a socket in a directory of its own, unix:///run/redis/redis.sock"
_EXAMPLES = ("SECRET",)  # the word in the sample files
_SECRET = "the same as X-Dynamo-Proxy-Secret in nginx.conf: openssl rand -hex 32"  # noqa: S105 - how to make one


@register("dynamo")
def check_redis_url(**_: Any) -> list[CheckMessage]:
    """The form of ``REDIS_URL``, and who else reaches it."""
    if not settings.REDIS_URL.startswith(_SCHEMES):
        return [
            Error(
                "REDIS_URL has an unknown form", hint=f"it begins with one of {', '.join(_SCHEMES)}", id="dynamo.E001"
            )
        ]
    try:
        password = password_of(settings.REDIS_URL)
    except ValueError as error:
        return [Error(str(error), id="dynamo.E001")]
    socket = socket_path(settings.REDIS_URL)
    if not socket and not password:
        return [
            Error("REDIS_URL has no password: users' programs could queue tasks there", hint=_REDIS, id="dynamo.E003")
        ]
    if socket and str(Path(socket).parent) in _SHARED:
        return [Warning(f"the socket {socket} cannot be hidden from users' programs", hint=_REDIS, id="dynamo.W002")]
    return []


@register("dynamo")
def check_web_server_in_front(**_: Any) -> list[CheckMessage]:
    """Whether somebody else on this machine could speak as the web server in front."""
    found: list[CheckMessage] = []
    is_near = False
    for address in settings.PROXY_ADDRESSES:
        try:
            is_near |= address == BY_SOCKET or any(ipaddress.ip_network(address).overlaps(near) for near in _LOOPBACK)
        except ValueError as error:
            found.append(
                Error(f"DYNAMO_PROXY_ADDRESSES: {error}", hint=f"as 10.1.0.0/16 or {BY_SOCKET}", id="dynamo.E004")
            )
    if is_near and not settings.PROXY_SECRET:
        what = "DYNAMO_PROXY_SECRET is empty: every program on this machine could be any user"
        found.append(Error(what, hint=_SECRET, id="dynamo.E005"))
    if settings.PROXY_SECRET in _EXAMPLES:
        found.append(Error("DYNAMO_PROXY_SECRET is still that of the example", hint=_SECRET, id="dynamo.E005"))
    return found


@register("dynamo")
def check_metrics(**_: Any) -> list[CheckMessage]:
    """Who may read the metrics."""
    found: list[CheckMessage] = []
    for network in settings.METRICS_NETWORKS:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            found.append(Error(f"DYNAMO_METRICS_NETWORKS: {error}", hint="as 10.1.0.0/16 or ::1/128", id="dynamo.E002"))
    if 0 < len(settings.METRICS_TOKEN) < _SHORTEST_TOKEN:
        found.append(Warning("DYNAMO_METRICS_TOKEN is short enough to be guessed", id="dynamo.W001"))
    return found
