"""No address that somebody wrote into a field leads to this machine or its private network by a name, a redirect or a second answer."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from consistency.protected import ProtectedListError, fetch
from inventory import outward
from inventory.sources.base import SourceFailed
from inventory.sources.http import HttpJson
from registry.identity import issuers
from registry.webhooks import NotDelivered, call


class Inside(BaseHTTPRequestHandler):
    """A server of the private network, which notes who came and sends some elsewhere."""

    seen: list[str]
    leads_to = ""

    def answer(self) -> None:
        """Any request."""
        self.seen.append(f"{self.headers['Host']}{self.path}")
        self.send_response(302 if self.leads_to else 200)
        if self.leads_to:
            self.send_header("Location", self.leads_to)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    do_GET = do_POST = answer  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def inside() -> Iterator[type[Inside]]:
    kind = type("Inside", (Inside,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kind.port = server.server_port
    yield kind
    server.shutdown()
    server.server_close()


@pytest.fixture
def names(monkeypatch) -> dict[str, list[str]]:
    """A name server that gives each name its addresses, the next one at each question."""
    answers: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host, port, *more, **named):
        host = host.decode() if isinstance(host, bytes) else host
        if host not in answers:
            return real(host, port, *more, **named)
        left = answers[host]
        return real(left.pop(0) if len(left) > 1 else left[0], port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.mark.parametrize("address", [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1",
    "fd00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::",
])  # fmt: skip
def test_private_and_local_addresses_are_not_outside(address: str, settings) -> None:
    assert not outward.is_allowed(ipaddress.ip_address(address))
    settings.PRIVATE_NETWORKS = [f"{address}/24" if "." in address and ":" not in address else f"{address}/128"]
    settings.PRIVATE_NETWORKS = [str(ipaddress.ip_interface(network).network) for network in settings.PRIVATE_NETWORKS]
    assert outward.is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_public_ones_are(address: str) -> None:
    assert outward.is_allowed(ipaddress.ip_address(address))


def test_no_field_reaches_the_private_network_by_a_name(inside, names, settings) -> None:
    place = f"evil.example:{inside.port}"
    names["evil.example"] = ["127.0.0.1"]
    settings.WEBHOOK_HOSTS = settings.SOURCE_HOSTS = settings.TOKEN_KEY_HOSTS = [place]
    with pytest.raises(NotDelivered, match="private or local"):
        call(f"http://{place}/", {})
    with pytest.raises(SourceFailed, match="private or local"):
        HttpJson(url=f"http://{place}/")._document()
    with pytest.raises(ProtectedListError, match="private or local"):
        fetch(f"http://{place}/")
    with pytest.raises(outward.NotOutside):
        issuers._fetched(f"https://{place}/", f"https://{place}")
    assert inside.seen == []
    settings.PRIVATE_NETWORKS = ["127.0.0.0/8"]
    call(f"http://{place}/hook", {})
    assert inside.seen == [f"{place}/hook"]  # the name is what the server there sees


def test_a_second_answer_of_the_name_server_does_not_count(inside, names) -> None:
    names["evil.example"] = ["192.0.2.1", "127.0.0.1"]
    with pytest.raises(httpx.HTTPError), outward.stream("GET", f"http://evil.example:{inside.port}/", seconds=0.5):
        pass
    assert inside.seen == []


def test_one_private_address_among_public_ones_is_enough(names, monkeypatch) -> None:
    both = [(2, 1, 6, "", ("8.8.8.8", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(outward.NotOutside):
        outward.resolved("evil.example", 80)


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.2", "[::1]", "evil.example"])
def test_no_redirect_leads_inside(inside, names, host: str) -> None:
    names["evil.example"] = ["127.0.0.1"]
    inside.leads_to = f"http://{host}:{inside.port}/secret"
    # The configured address itself was written as a number on purpose.
    with pytest.raises(ProtectedListError, match="private or local"):
        fetch(f"http://127.0.0.1:{inside.port}/")
    assert inside.seen == [f"127.0.0.1:{inside.port}/"]
