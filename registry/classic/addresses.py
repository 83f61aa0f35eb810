"""Where classic endpoints are: under ``/data/``, under the old name ``/registry/``, and as PhEDEx's clients call them."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import URLPattern, path

from registry.classic.envelope import View

PREFIXES = ("data", "registry", "phedexdata")


def classic(endpoints: dict[str, View]) -> list[URLPattern]:
    """URL patterns of ``endpoints`` by command, such as ``inventory/sites``; named ``data-inventory-sites`` and so on."""
    return [
        path(f"{prefix}/{command}", view, name=f"{prefix}-{command.replace('/', '-')}")
        for prefix in PREFIXES
        for command, view in endpoints.items()
    ]


def is_classic(request: HttpRequest) -> bool:
    """Whether the call is one of a classic client, who reads the envelope of any answer."""
    return request.path.startswith(tuple(f"/{prefix}/" for prefix in PREFIXES))
