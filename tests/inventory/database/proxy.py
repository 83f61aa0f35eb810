"""A TCP proxy between clients and MariaDB that can refuse, cut, delay or swallow, and knows where a COMMIT is."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass, field

from testbed.processes import free_ports

_QUERY = 3
_COMMIT = re.compile(rb"\s*commit\b", re.IGNORECASE)


@dataclass(eq=False)
class _Link:
    """One client's connection and the server's."""

    near: socket.socket
    far: socket.socket
    cut_at_answer: threading.Event = field(default_factory=threading.Event)

    def cut(self) -> None:
        for side in (self.near, self.far):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Listens on ``port`` for the server at ``target``. Set what it shall spoil; ``healthy()`` ends all of it."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, free_ports(1)[0]
        self.delay = 0.0
        self.swallows = False
        self.commits_cut = 0
        self._cut_next: str = ""
        self._cut_always = False
        self._links: set[_Link] = set()
        self._listener: socket.socket | None = None
        self.healthy()

    def healthy(self) -> None:
        """Everything goes through."""
        self.delay, self.swallows, self._cut_next, self._cut_always = 0.0, False, "", False
        if self._listener is None:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(64)
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """As when the server is stopped: nobody listens, all connections are gone."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Without it the thread that accepts keeps the port open.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """All connections end."""
        for link in list(self._links):
            link.cut()

    def cut_commit(self, when: str, then_refuse: bool = False) -> None:
        """The next connection that commits ends "before" the server gets it or "after" it has answered to the proxy."""
        self._cut_next, self._cut_always = when, then_refuse

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            link = _Link(near, far)
            self._links.add(link)
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=self._pump, args=(link, pump), daemon=True).start()

    def _pump(self, link: _Link, pump) -> None:
        try:
            pump(link)
        except OSError:
            # One side is gone: so is the other.
            pass
        finally:
            link.cut()
            self._links.discard(link)

    def _to_server(self, link: _Link) -> None:
        while data := link.near.recv(65536):
            self._hold()
            if self._cut_next and self._commits(data):
                when, self._cut_next = self._cut_next, ""
                self.commits_cut += 1
                if when == "before":
                    return self._end(link)
                link.cut_at_answer.set()
            link.far.sendall(data)
        return None

    def _to_client(self, link: _Link) -> None:
        while data := link.far.recv(65536):
            self._hold()
            if self.delay:
                time.sleep(self.delay)
            if link.cut_at_answer.is_set():
                self._end(link)
                return
            link.near.sendall(data)

    def _end(self, link: _Link) -> None:
        if self._cut_always:
            self.refuse()
        link.cut()

    def _hold(self) -> None:
        while self.swallows:
            time.sleep(0.02)

    @staticmethod
    def _commits(data: bytes) -> bool:
        """Whether one of the packets in ``data`` is a COMMIT: clients send it at once, at the beginning of a piece."""
        found = False
        rest = data
        while len(rest) >= 5:
            length = int.from_bytes(rest[:3], "little")
            found = found or (rest[4] == _QUERY and _COMMIT.match(rest[5 : 4 + length]) is not None)
            rest = rest[4 + length :]
        return found
