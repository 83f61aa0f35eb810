"""An inventory server for benchmarks: a process of its own over an empty database, started from a checkpoint of generated data.

The database is SQLite in a temporary home; BENCHMARK_DATABASE_URL names another, which has to be empty and is emptied again.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inventory.image import Image
    from inventory.remote import ServerBackend

_TOKEN = "a-token-of-benchmarks"  # noqa: S105 - the server ends with the benchmark
_ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 600


@dataclass(frozen=True)
class Served:
    """A running server: ``near`` maps its image, ``far`` does not; ``process`` is its number; ``start_seconds`` from the
    beginning of its process until it served; ``environment``: for other processes that are to use it."""

    near: ServerBackend
    far: ServerBackend
    process: int
    start_seconds: float
    environment: dict[str, str] = field(default_factory=dict)

    def peak_memory(self) -> int:
        """Largest resident size so far, in bytes."""
        return peak_memory_of(self.process)


def peak_memory_of(process: int) -> int:
    """Largest resident size of a process so far, in bytes."""
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1]) * 1024


@functools.cache
def set_up() -> None:
    """Have Django in this process, with an empty database."""
    home = tempfile.mkdtemp(prefix="dynamo-benchmark-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    database = os.environ.get("BENCHMARK_DATABASE_URL", f"sqlite:///{home}/dynamo.sqlite3")
    os.environ |= {"DJANGO_SETTINGS_MODULE": "dynamo_site.settings", "DYNAMO_HOME": home, "DATABASE_URL": database}
    os.environ.setdefault("DYNAMO_LOG_LEVEL", "WARNING")  # what is printed are figures
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from inventory.log import leadership

    if leadership().head:
        sys.exit(f"{database} is the database of an installation; a benchmark needs an empty one")


@contextmanager
def served(image: Image | None) -> Iterator[Served]:
    """A server that leads from a checkpoint of ``image``, which has version 0; of None: from the database's tables.

    Afterwards the database is as it was, empty.
    """
    from inventory.checkpoint import Checkpoints
    from inventory.remote import ServerBackend
    from testbed.processes import free_ports

    home = Path(os.environ["DYNAMO_HOME"])
    places = [home / "image", home / "checkpoint"]
    if image is not None:
        Checkpoints(places[1]).write(image)
    url = f"grpc://127.0.0.1:{free_ports(1)[0]}"
    environment = {"INVENTORY_URL": url, "INVENTORY_TOKEN": _TOKEN, "INVENTORY_IMAGE_DIR": str(places[0]),
                   "INVENTORY_CHECKPOINT_DIR": str(places[1]), "INVENTORY_HISTORY_DIR": str(places[1].with_name("history"))}  # fmt: skip
    log = home / "server.log"
    began = time.perf_counter()
    with log.open("w") as stream:
        command = [sys.executable, str(_ROOT / "manage.py"), "inventory_server"]
        process = subprocess.Popen(command, env=os.environ | environment, stdout=stream, stderr=stream)
    try:
        until(lambda: "ready at" in log.read_text(), process, log)
        started = time.perf_counter() - began
        yield Served(
            ServerBackend(url, _TOKEN, places[0]), ServerBackend(url, _TOKEN, None), process.pid, started, environment
        )
    finally:
        process.kill()
        process.wait()
        _forget(places)


def until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path | None = None) -> None:
    """Wait until a server of the benchmark serves; without it the benchmark ends, with what is in ``log``."""
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{process.args!r} does not start:\n{log.read_text() if log else ''}")
        # Short, as starts are measured, too.
        time.sleep(0.01)


@contextmanager
def own_redis() -> Iterator[str]:
    """A Redis of the benchmark's own: its URL."""
    from testbed.services import redis_program

    # Not where TMPDIR says: a socket's path has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="dynamo-", dir="/tmp") as directory:
        path = Path(directory) / "redis.sock"
        command = [redis_program(), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", directory]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            until(path.exists, process)
            yield f"unix://{path}"
        finally:
            process.kill()
            process.wait()


def _forget(places: list[Path]) -> None:
    """As it was before: the next size starts at version 0 again."""
    from django.core.management import call_command

    for place in places:
        shutil.rmtree(place, ignore_errors=True)
    call_command("flush", verbosity=0, interactive=False)
