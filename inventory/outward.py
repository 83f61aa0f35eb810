"""Calls of addresses that people or other servers name: never to this machine or its private network by a name that leads there.

A name is resolved once, what it resolves to is looked at, and exactly that address is connected to: a second answer of the name
server cannot lead elsewhere. Each redirect that a caller follows is a request of its own, and looked at again. An address
written as a number, or ``localhost``, is taken as it is where it is the one that was configured: nobody writes it by mistake.
Networks of ``DYNAMO_PRIVATE_NETWORKS`` are allowed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_EMBEDDED = ipaddress.ip_network("64:ff9b::/96")


class NotOutside(httpx.ConnectError):
    """A name leads to a private or local address."""


@contextmanager
def stream(method: str, url: str, *, seconds: float, given: str = "", **more: Any) -> Iterator[httpx.Response]:
    """The answer of ``url``, not followed when it leads elsewhere; ``given``: the configured address that led there ("": itself).

    Raises httpx.HTTPError.
    """
    transport = _Outside(httpx.URL(given or url).host)
    with (
        httpx.Client(transport=transport, timeout=seconds, follow_redirects=False) as client,
        client.stream(method, url, **more) as answer,
    ):
        yield answer


@contextmanager
def followed(
    url: str, *, seconds: float, most: int, check: Callable[[str, str], None] | None = None, **more: Any
) -> Iterator[httpx.Response]:
    """The answer of ``url``, or of where it leads in ``most`` redirects; ``check`` raises for what it must not lead to (from, to).

    Raises httpx.HTTPError.
    """
    there = url
    for _ in range(most + 1):
        with stream("GET", there, seconds=seconds, given=url, **more) as answer:
            if not answer.is_redirect:
                yield answer
                return
            target = str(httpx.URL(there).join(answer.headers.get("location", "")))
        if check is not None:
            check(there, target)
        there = target
    raise httpx.TooManyRedirects("it leads from one address to the next without end")


class _Outside(httpx.HTTPTransport):
    """Connects to an address that was looked at; the certificate has to be that of the name all the same."""

    def __init__(self, plain: str) -> None:
        super().__init__()
        self._plain = plain

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises NotOutside, httpx.ConnectError."""
        name = request.url.host
        if not (name == self._plain and _is_plain(name)):
            request.extensions = {**request.extensions, "sni_hostname": name}
            request.url = request.url.copy_with(host=resolved(name, request.url.port or 443))
        return super().handle_request(request)


def _is_plain(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def resolved(name: str, port: int) -> str:
    """The address of ``name`` to connect to. Raises NotOutside where any is private or local, httpx.ConnectError for no answer."""
    try:
        found = [str(answer[4][0]) for answer in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"{name} has no address: {error}") from error
    for each in found:
        if not is_allowed(ipaddress.ip_address(each.partition("%")[0])):
            raise NotOutside(f"{name} leads to {each}, which is private or local; DYNAMO_PRIVATE_NETWORKS can allow it")
    return found[0]


def is_allowed(address: Address) -> bool:
    """Whether it is one of the public Internet, or of a network that the installation allows."""
    if any(address in ipaddress.ip_network(network) for network in settings.PRIVATE_NETWORKS):
        return True
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _EMBEDDED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_allowed(inner)
    return address.is_global and not address.is_multicast and not (address.version == 4 and address in _SHARED)
