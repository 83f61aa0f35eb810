"""A MariaDB of its own, a proxy before it, and an inventory server that reaches it only through the proxy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import MySQLdb
import pytest

from inventory.changes import ChangeSet
from testbed.processes import free_ports
from tests.inventory.database.proxy import Proxy
from tests.inventory.serving import MANAGE, Server
from tests.services.servers import start_mariadb
from tests.services.session import Session

NAME = "away"
SECONDS = "4"
"""DYNAMO_DATABASE_SECONDS of the server."""


@dataclass
class Mariadb:
    """A server that can be stopped, killed, paused and started again with what it has."""

    session: Session
    port: int = field(default_factory=lambda: free_ports(1)[0])

    def start(self) -> None:
        # What is committed survives the process.
        start_mariadb(self.session, self.port, NAME, "--innodb-flush-log-at-trx-commit=2")

    def kill(self) -> None:
        service = self.session.supervisor.services[NAME]
        service.process.kill()
        service.process.wait()
        self.session.stop(NAME)

    def pause(self, on: bool) -> None:
        os.kill(self.session.supervisor.services[NAME].process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def ask(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement as root, past the proxy."""
        connection = MySQLdb.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True)
        try:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
        finally:
            connection.close()


@dataclass
class World:
    """All of it; ``server`` is the inventory's."""

    mariadb: Mariadb
    proxy: Proxy
    server: Server
    number: int = 0

    def site(self, name: str = "") -> ChangeSet:
        """A change set that puts a new site."""
        self.number += 1
        name = name or f"T2_{self.number}"
        return ChangeSet("tester", 1, transaction=f"puts {name}").put("sites", [{"name": name}])

    def records(self, transaction: str) -> int:
        """How often the change set is in the log."""
        rows = self.mariadb.ask("SELECT COUNT(*) FROM away.inventory_updaterecord WHERE transaction = %s", transaction)
        return int(rows[0][0])

    def cut_next_append(self, when: str, then_refuse: bool = False) -> None:
        """See ``Proxy.cut_commit``: the log's, as those who follow have nothing to commit any more."""
        until(self.is_well)
        self.proxy.cut_commit(when, then_refuse)

    def trouble(self) -> dict[str, Any]:
        return self.server.client().status()["trouble"]

    def is_well(self) -> bool:
        status = self.server.client().status()
        return not status["trouble"] and not status["in_doubt"] and status["lag"]["tables"] == 0


def until(condition: Callable[[], bool], seconds: float = 60, told: Callable[[], str] = str) -> None:
    """Wait for ``condition``; ``told`` is asked why it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def running(services: Session, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The world for the tests of a module."""
    mariadb = Mariadb(services)
    mariadb.start()
    mariadb.ask(f"CREATE OR REPLACE DATABASE {NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    # Not a root: an administrator writes whatever is read-only.
    mariadb.ask(f"GRANT ALL ON {NAME}.* TO dynamo@'%%' IDENTIFIED BY 'secret'")
    proxy = Proxy(mariadb.port)
    home = tmp_path_factory.mktemp("away")
    server = Server(home / "server", environment(proxy.port, home))
    subprocess.run([sys.executable, str(MANAGE), "migrate", "-v0"], env=server.environment, check=True)
    world = World(mariadb, proxy, server.start())
    yield world
    server.end()
    proxy.refuse()
    services.stop(NAME)


@pytest.fixture
def world(running: World, django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """The same, with everything well before and after the test."""
    # Clients that lost their server look for it in the test's own database, where none leads.
    with django_db_blocker.unblock():
        yield running
    running.proxy.healthy()
    until(running.is_well, seconds=20, told=lambda: f"{running.server.client().status()}\n{running.server.log}")


def environment(port: int, home: Path) -> dict[str, str]:
    """Of processes whose database is behind ``port``."""
    url = f"mysql://dynamo:secret@127.0.0.1:{port}/{NAME}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DYNAMO_TEST"))}
    return {**inherited, "DATABASE_URL": url, "DYNAMO_DATABASE_SECONDS": SECONDS, "DYNAMO_HOME": str(home),
            "DJANGO_SETTINGS_MODULE": "dynamo_site.settings"}  # fmt: skip
