"""Somebody else's servers: one that takes webhooks, one that takes mail; each over real sockets, in a thread."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hooks:
    """What came to a webhook; ``status`` and ``location``: how it answers."""

    url: str = ""
    host: str = ""
    status: int = 204
    location: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def hooks() -> Iterator[Hooks]:
    """A server of webhooks."""
    found = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            found.headers.append(dict(self.headers))
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        found.host = f"127.0.0.1:{port}"
        found.url = f"http://{found.host}/hook"
        yield found


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    """A mail server: its port, and the mails that came."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 hello")
            for raw in self.rfile:
                command = raw.decode().strip().upper()
                if command == "DATA":
                    self._say("354 go on")
                    mails.append(self._mail())
                self._say("221 bye" if command == "QUIT" else "250 ok")
                if command == "QUIT":
                    return

        def _mail(self) -> str:
            lines = []
            for raw in self.rfile:
                if raw == b".\r\n":
                    break
                lines.append(raw.decode())
            return "".join(lines)

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        yield port, mails


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
