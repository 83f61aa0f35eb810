"""What the web server in front (nginx) says of a connection; believed only when it comes from there.

``DYNAMO_PROXY_ADDRESSES`` names its addresses, ``DYNAMO_PROXY_SECRET`` what it sends besides, which no client knows. It has to set
all of these headers itself at every request, so that none of a client's gets through.
"""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.http import HttpRequest

SECRET, VERIFIED, SUBJECT = "X-Dynamo-Proxy-Secret", "X-SSL-Client-Verify", "X-SSL-Client-DN"
BY_SOCKET = "unix"


def is_in_front(request: HttpRequest) -> bool:
    """Whether the request comes from the configured web server."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not any(_within(peer, network) for network in settings.PROXY_ADDRESSES):
        return False
    wanted = settings.PROXY_SECRET
    return not wanted or secrets.compare_digest(request.headers.get(SECRET, "").encode(), wanted.encode())


def address_of(request: HttpRequest) -> str:
    """The address of whoever calls: as the web server in front says, else that of the connection."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    if not told or not is_in_front(request):
        return peer
    try:
        return str(ipaddress.ip_address(told))
    except ValueError:
        return peer


def subject_of(request: HttpRequest) -> str:
    """The distinguished name of the client's certificate, as the web server in front verified it; empty: none."""
    if request.headers.get(VERIFIED) != "SUCCESS" or not is_in_front(request):
        return ""
    # Servers hand bytes on as Latin-1.
    given = request.headers.get(SUBJECT, "")
    try:
        return given.encode("latin-1").decode()
    except UnicodeError:
        return given


def _within(peer: str, network: str) -> bool:
    if network == BY_SOCKET:
        return not peer
    try:
        return ipaddress.ip_address(peer) in ipaddress.ip_network(network)
    except ValueError:
        return False
