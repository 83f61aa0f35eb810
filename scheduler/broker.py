"""One address of Redis, in the form each library wants it. Pure: no connection is made here.

``REDIS_URL`` is ``unix:///path/of/socket[?db=1]``, ``redis://host:port/0``, ``rediss://…`` (TLS) or
``sentinel://host:26379,host:26379/name-of-master/0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

_SENTINEL_PORT = 26379


@dataclass(frozen=True)
class Sentinels:
    """Where the sentinels are, which master they watch, which database of it is ours, and its password."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int
    password: str | None


def sentinels(url: str) -> Sentinels | None:
    """The parts of a ``sentinel://`` URL; None for other URLs. Raises ValueError when the master's name is missing."""
    if not url.startswith("sentinel://"):
        return None
    netloc, _, path = url.removeprefix("sentinel://").partition("/")
    credentials, _, places = netloc.rpartition("@")
    master, _, database = path.partition("/")
    if not master or not places:
        raise ValueError("REDIS_URL: sentinel://host:26379,host:26379/name-of-master/0 is the form of a Sentinel's URL")
    hosts = tuple(_host(place) for place in places.split(","))
    return Sentinels(hosts, master, int(database or 0), unquote(credentials.rpartition(":")[2]) or None)


def _host(place: str) -> tuple[str, int]:
    host, _, port = place.partition(":")
    return host, int(port or _SENTINEL_PORT)


def socket_path(url: str) -> str:
    """The path of the Unix socket that a ``unix://`` URL names; "" for other URLs."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else ""


def password_of(url: str) -> str:
    """The password that is sent to the Redis of ``url``; "": none. Raises ValueError as :func:`sentinels`."""
    watched = sentinels(url)
    return unquote((urlsplit(url) if watched is None else watched).password or "")


def celery_broker(url: str) -> tuple[str, dict[str, Any]]:
    """Celery's broker URL and transport options for ``REDIS_URL``."""
    watched = sentinels(url)
    if watched is not None:
        secret = f":{quote(watched.password, safe='')}@" if watched.password else ""
        places = [f"sentinel://{secret}{host}:{port}/{watched.database}" for host, port in watched.hosts]
        return ";".join(places), {"master_name": watched.master}
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url, {}
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}", {}
