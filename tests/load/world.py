"""A Dynamo of its own on MariaDB and Redis, parts of which can be killed and come back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from testbed.guard import Guard
from testbed.processes import Supervisor, answers, free_ports
from tests.services.servers import start_mariadb, start_redis
from tests.services.session import Session

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(ROOT / "manage.py")]
# Every commit has to survive: the database is stopped, not only asked to.
_DURABLE = "--innodb-flush-log-at-trx-commit=1"


@dataclass
class World:
    """``url``: of the web server. ``away``: times (monotonic) between which nobody can be expected to answer at all."""

    session: Session
    url: str
    ports: dict[str, int]
    tokens: dict[str, str] = field(default_factory=dict)
    away: list[tuple[float, float]] = field(default_factory=list)

    def start_redis(self) -> None:
        start_redis(self.session, self.session.directory / "redis.sock")

    def start_mariadb(self) -> None:
        start_mariadb(self.session, self.ports["mariadb"], "load-mariadb", _DURABLE)

    def start_inventory(self) -> None:
        self._start("inventory", [*MANAGE, "inventory_server"], lambda: answers(self.ports["inventory"]))

    def start_worker(self) -> None:
        self._start("worker", [*MANAGE, "worker", "--concurrency", "4"], lambda: True)

    def start_beat(self) -> None:
        self._start("beat", [*MANAGE, "beat"], lambda: True)

    def start_web(self) -> None:
        command = [
            sys.executable, "-m", "gunicorn", "dynamo_site.wsgi", "--bind", f"127.0.0.1:{self.ports['web']}",
            "--workers", "2", "--threads", "8", "--timeout", "120", "--graceful-timeout", "15",
        ]  # fmt: skip
        self._start("web", command, self._serves)

    def _serves(self) -> bool:
        # Not /healthz: it is unhealthy for reasons of other parts, too.
        try:
            with urllib.request.urlopen(f"{self.url}/data/request/pollcopy?request_id=1", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def _start(self, name: str, command: list[str], ready: Any) -> None:
        self.session.start(name, command, ready, seconds=120)

    def kill(self, name: str) -> None:
        """SIGKILL to a service and all that it has started."""
        service = self.session.supervisor.services.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.wait()
        self.session.guard.forget(service.process.pid)

    def kill_web(self, seconds_away: float = 0.5) -> None:
        """All of gunicorn at once; it comes back."""
        with self._away():
            self.kill("web")
            time.sleep(seconds_away)
            self.start_web()

    def kill_a_web_process(self) -> None:
        """One of gunicorn's processes; its master starts another. Whoever was being answered by it is not."""
        with self._away():
            master = psutil.Process(self.session.supervisor.services["web"].process.pid)
            master.children()[0].kill()
            until(lambda: len(master.children()) == 2 and self._serves(), 60)

    def kill_worker(self) -> None:
        self.kill("worker")
        self.start_worker()

    def restart_redis(self) -> None:
        """All that it had is gone."""
        self.kill("redis")
        self.start_redis()

    def restart_mariadb(self) -> None:
        self.kill("load-mariadb")
        time.sleep(1.0)
        self.start_mariadb()

    @contextmanager
    def _away(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.away.append((began, time.monotonic()))

    def ground(self, what: str) -> Any:
        """What ``tests.load.ground`` answers."""
        command = [sys.executable, "-m", "tests.load.ground", what]
        environment = {**os.environ, **self.session.supervisor.environment}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{what}: {done.stderr[-4000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def logs(self, most: int = 30) -> str:
        """The ends of all logs, for whoever wants to know what went wrong."""
        texts = []
        for log in sorted(self.session.supervisor.log_directory.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()
            texts.append("\n".join([f"== {log.name}", *lines[-most:]]))
        return "\n".join(texts)


def until(happens: Any, seconds: float) -> None:
    """Wait until it happens."""
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not happen in {seconds} s")
        time.sleep(0.05)


@contextmanager
def world(directory: Path) -> Iterator[World]:
    """A new one, filled; everything ends with it. ``directory`` has to have a short path."""
    names = ("mariadb", "inventory", "web")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    environment = {
        "DYNAMO_HOME": str(directory / "home"), "DYNAMO_ALLOWED_HOSTS": "127.0.0.1", "DYNAMO_LOG_FORMAT": "text",
        "DATABASE_URL": f"mysql://root@127.0.0.1:{ports['mariadb']}/load_test",
        "REDIS_URL": f"unix://{directory / 'redis.sock'}", "INVENTORY_URL": f"grpc://127.0.0.1:{ports['inventory']}",
        "DJANGO_SETTINGS_MODULE": "dynamo_site.settings", "DYNAMO_MIN_FREE_BYTES": "0",
        # What a killed worker held is free again after so many seconds.
        "DYNAMO_SCHEDULER_LEASE": "5", "DYNAMO_SCHEDULER_JOB_LEASE": "5", "DYNAMO_SCHEDULER_GRACE": "2",
    }  # fmt: skip
    guard = Guard.over(directory)
    session = Session(directory, guard, Supervisor(directory / "logs", environment))
    made = World(session, f"http://127.0.0.1:{ports['web']}", ports)
    try:
        made.start_redis()
        made.start_mariadb()
        made.ground("database")
        made.start_inventory()
        made.tokens = made.ground("fill")
        made.start_worker()
        made.start_beat()
        made.start_web()
        yield made
    finally:
        session.stop_all()
        guard.close()


class Faults(threading.Thread):
    """Kills and restarts, one after the other, spread over ``seconds``; ``error``: what went wrong with them."""

    def __init__(self, made: World, seconds: float) -> None:
        super().__init__(name="faults")
        self._plan = [
            made.kill_worker, made.kill_a_web_process, made.restart_redis, made.restart_mariadb, made.kill_web, made.kill_worker,
        ]  # fmt: skip
        self._seconds = seconds
        self.done: list[str] = []
        self.error: Exception | None = None

    def run(self) -> None:
        """A pause before each; the last leaves time to go on."""
        began = time.monotonic()
        try:
            for number, fault in enumerate(self._plan, start=1):
                time.sleep(max(0.0, began + self._seconds * number / (len(self._plan) + 1) - time.monotonic()))
                fault()
                self.done.append(fault.__name__)
        except (OSError, RuntimeError, TimeoutError) as error:
            self.error = error
