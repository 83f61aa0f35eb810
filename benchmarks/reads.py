"""Reads over HTTP: gunicorn with two worker processes, as docs/deployment.md has it, over the image of an inventory server.

    python -m benchmarks.reads [--datasets N] [--json]

The client sends as one process, over connections that stay open. Times "in the server" are from the last byte of the request
to the first of the answer, one request at a time. The yardstick is an address that does not exist: what gunicorn, Django and
its middleware take for any answer; of the streams, a copy of as many bytes through a socket.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from benchmarks.measuring import Figure, main
from benchmarks.serving import Served, own_redis, peak_memory_of, served, set_up, until

_ROOT = Path(__file__).resolve().parents[1]
_WORKERS, _THREADS = 2, 8
_SAMPLES = 600
_RATE_SECONDS = 5.0
_CONNECTIONS = 8
_UNLIMITED = 10**9
_LONGEST_EACH = 2.5
"""Milliseconds: 400 requests a second."""
_WHOLE = 40_000
"""Datasets from which the promised limits count: a million block replicas."""


@dataclass(frozen=True)
class Web:
    """gunicorn at ``port``; ``master`` is its process."""

    port: int
    master: int

    def workers(self) -> list[int]:
        """Its worker processes."""
        text = Path(f"/proc/{self.master}/task/{self.master}/children").read_text()
        return [int(number) for number in text.split()]

    def peak_memory(self) -> int:
        """Largest resident size of a worker so far, in bytes."""
        return max(peak_memory_of(number) for number in self.workers())


def measure(datasets: int) -> list[Figure]:
    """Latencies, rates, first bytes and memory."""
    set_up()
    from benchmarks.generate import generate
    from inventory.image import Image
    from inventory.schema import TABLES

    snapshot = generate(datasets)
    names = snapshot.frame("datasets")["name"].sample(_SAMPLES, with_replacement=True, seed=1).to_list()
    image = Image.from_frames({name: snapshot.frame(name) for name in TABLES})
    del snapshot
    with served(image) as server:
        del image
        with _redis(server) as environment, _web(environment) as web:
            return [*_single(web, names, datasets), *_rates(web, names, datasets), *_streams(web, datasets)]


def _single(web: Web, names: Sequence[str], datasets: int) -> list[Figure]:
    with _connected(web) as connection:
        nothing = _latencies(connection, ["/api/v1/nothing"] * len(names))
        addresses = [f"/api/v1/datasets/{quote(name, safe='')}/replicas" for name in names]
        _latencies(connection, addresses[:100])
        replicas = _latencies(connection, addresses)
        classic = _latencies(connection, [f"/data/inventory/blockreplicas?dataset={quote(name)}" for name in names])
        objects = _latencies(connection, [f"/api/v1/datasets/{quote(name, safe='')}" for name in names])
        known = _latencies(connection, addresses[:1] * len(names), f"If-None-Match: {_tag(web, addresses[0])}\r\n")
    limits = (5.0, 25.0) if datasets >= _WHOLE else (None, None)
    yardstick = "an address that does not exist"
    found = []
    for work, sample, promised in (
        ("block replicas of one dataset", replicas, limits), ("the same, classic", classic, (None, None)),
        ("one dataset", objects, (None, None)), ("not modified (304)", known, (None, None)),
    ):  # fmt: skip
        for percent, limit in zip((50, 99), promised, strict=True):
            value, plain = (float(np.percentile(one, percent)) for one in (sample, nothing))
            found.append(Figure(f"{work}, {percent} % within", "ms", value, yardstick, plain, limit))
    return found


def _rates(web: Web, names: Sequence[str], datasets: int) -> list[Figure]:
    nothing = _rate(web, ["/api/v1/nothing"])
    found = _rate(web, [f"/api/v1/datasets/{quote(name, safe='')}/replicas" for name in names])
    work = "block replicas of one dataset, time for each at the highest rate"
    limit = _LONGEST_EACH if datasets >= _WHOLE else None
    return [Figure(work, "ms", 1000 / found, "an address that does not exist", 1000 / nothing, limit)]


def _streams(web: Web, datasets: int) -> list[Figure]:
    before = web.peak_memory()
    pattern = "/Prim0000*" if datasets < 5000 else "/Prim000[0-4]*"
    streams = {
        "classic blockreplicas of a glob": f"/data/inventory/blockreplicas?dataset={quote(pattern)}",
        "all block replicas as NDJSON": "/api/v1/replicas?format=ndjson",
        "all block replicas as Parquet": "/api/v1/replicas?format=parquet",
    }
    found = []
    for work, address in streams.items():
        first, last, size = _stream(web, address)
        plain = _copied(size)
        limit = 1.0 if "glob" in work and datasets >= _WHOLE else None
        yardstick = "the same bytes through a socket"
        found.append(Figure(f"{work}, first byte", "s", first, yardstick, plain, limit))
        found.append(Figure(f"{work}, last byte", "s", last, yardstick, plain))
        peak = web.peak_memory() / 1e6
        found.append(Figure(f"{work}, peak memory of a worker", "MB", peak, "before all streams", before / 1e6))
    return found


@contextmanager
def _redis(server: Served) -> Iterator[dict[str, str]]:
    """A Redis that counts calls, without a limit."""
    from inventory.models import TunedSetting

    for name in ("calls_per_minute", "anonymous_calls_per_minute"):
        TunedSetting.objects.update_or_create(component="registry", name=name, defaults={"value": _UNLIMITED})
    with own_redis() as url:
        yield os.environ | server.environment | {"REDIS_URL": url}


@contextmanager
def _web(environment: dict[str, str]) -> Iterator[Web]:
    from testbed.processes import answers, free_ports

    (port,) = free_ports(1)
    log = Path(os.environ["DYNAMO_HOME"]) / "web.log"
    command = [
        sys.executable, "-m", "gunicorn", "dynamo_site.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", str(_WORKERS),
        "--threads", str(_THREADS), "--timeout", "120",
    ]  # fmt: skip
    with log.open("w") as stream:
        process = subprocess.Popen(command, env=environment, cwd=_ROOT, stdout=stream, stderr=stream)
    try:
        until(lambda: answers(port) and log.read_text().count("Booting worker") == _WORKERS, process, log)
        web = Web(port, process.pid)
        _warm(web)
        yield web
    finally:
        process.terminate()
        process.wait()


def _warm(web: Web) -> None:
    for _ in range(4 * _WORKERS):
        with _connected(web) as connection:
            _answer(connection, "/api/v1/replicas?dataset=/Prim0000000/*")


@contextmanager
def _connected(web: Web) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def _request(address: str, more: str = "") -> bytes:
    return f"GET {address} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()


def _answer(connection: socket.socket, address: str, more: str = "") -> tuple[float, bytes]:
    """Seconds to the first byte, and the head of an answer that tells its length; all of it is read."""
    connection.sendall(_request(address, more))
    began = time.perf_counter()
    data = connection.recv(1 << 20)
    first = time.perf_counter() - began
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 20)
    head, body = data.split(b"\r\n\r\n", 1)
    length = _length(head)
    if length is None:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(1 << 20)
    while length is not None and len(body) < length:
        body += connection.recv(1 << 20)
    return first, head


def _length(head: bytes) -> int | None:
    if head.split(maxsplit=2)[1] in (b"304", b"204"):
        return 0
    lines = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lines[0].split(b":")[1]) if lines else None


def _latencies(
    connection: socket.socket, addresses: Sequence[str], more: str = ""
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Milliseconds to the first byte, one request after another."""
    found = []
    for address in addresses:
        seconds, head = _answer(connection, address, more)
        status = head.split(maxsplit=2)[1]
        assert status == (b"404" if address.endswith("nothing") else b"304" if more else b"200"), head
        found.append(1000 * seconds)
    return np.array(found)


def _tag(web: Web, address: str) -> str:
    with _connected(web) as connection:
        _, head = _answer(connection, address)
    (line,) = [line for line in head.decode().split("\r\n") if line.lower().startswith("etag:")]
    return line.split(":", 1)[1].strip()


def _rate(web: Web, addresses: Sequence[str]) -> float:
    """Requests that are answered in a second over some connections, each sending the next when it has the answer."""
    selector = selectors.DefaultSelector()
    waiting = {}
    for place in range(_CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", web.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_request(addresses[place % len(addresses)]))
        selector.register(connection, selectors.EVENT_READ)
        waiting[connection] = b""
    number, began = 0, time.perf_counter()
    while time.perf_counter() - began < _RATE_SECONDS:
        for key, _ in selector.select(1.0):
            assert isinstance(key.fileobj, socket.socket)
            connection = key.fileobj
            waiting[connection] += connection.recv(1 << 20)
            head, separator, body = waiting[connection].partition(b"\r\n\r\n")
            if separator and len(body) == _length(head):
                number += 1
                waiting[connection] = b""
                connection.sendall(_request(addresses[number % len(addresses)]))
    seconds = time.perf_counter() - began
    for connection in waiting:
        connection.close()
    return number / seconds


def _stream(web: Web, address: str) -> tuple[float, float, int]:
    """Seconds to the first byte of the body and to the last, and how many there are."""
    with _connected(web) as connection:
        connection.sendall(_request(address, "Connection: close\r\n"))
        began = time.perf_counter()
        head = b""
        while len(head.partition(b"\r\n\r\n")[2]) < 3:
            head += connection.recv(1 << 16)
        first = time.perf_counter() - began
        assert head.split(maxsplit=2)[1] == b"200", head
        size, end = len(head.partition(b"\r\n\r\n")[2]), head[-5:]
        while data := connection.recv(1 << 20):
            size, end = size + len(data), (end + data)[-5:]
        last = time.perf_counter() - began
    length = _length(head.partition(b"\r\n\r\n")[0])
    assert end == b"0\r\n\r\n" if length is None else size == length, end
    return first, last, size


def _copied(size: int) -> float:
    """Seconds in which as many bytes go through a socket of the same kind."""
    code = "import socket,sys;s=socket.create_connection(('127.0.0.1',int(sys.argv[1])));n=int(sys.argv[2]);b=bytes(1<<16)\nwhile n>0:\n s.sendall(b[:n]);n-=len(b)"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen([sys.executable, "-c", code, str(listener.getsockname()[1]), str(size)])
        connection, _ = listener.accept()
        with connection:
            began = time.perf_counter()
            while connection.recv(1 << 20):
                pass
            seconds = time.perf_counter() - began
        process.wait()
    return seconds


if __name__ == "__main__":
    main(__doc__, measure)
