"""System checks: settings that would only fail later, told at every start with what is wrong and what would be right."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from scheduler.broker import sentinels

_SCHEMES = ("unix://", "redis://", "rediss://", "sentinel://")
_SHORTEST_TOKEN = 16


@register("dynamo")
def check_redis_url(**_: Any) -> list[CheckMessage]:
    """The form of ``REDIS_URL``."""
    if not settings.REDIS_URL.startswith(_SCHEMES):
        return [
            Error(
                "REDIS_URL has an unknown form", hint=f"it begins with one of {', '.join(_SCHEMES)}", id="dynamo.E001"
            )
        ]
    try:
        sentinels(settings.REDIS_URL)
    except ValueError as error:
        return [Error(str(error), id="dynamo.E001")]
    return []


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
