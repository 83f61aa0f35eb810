"""Where one demo lives: its directory, its ports, what its sites are, and that nobody else runs it meanwhile."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from testbed import xrootd
from testbed.processes import free_ports, is_free
from testbed.sites import DISKS, DemoSite, make_sites

POLICIES = Path(__file__).resolve().parent / "policies"
_RECORD, _LOCK = "ports.json", "lock"
_LONGEST_PATH = 60
_PORTS = ("inventory", "web", *DISKS, "tape")
_LOCK_SECONDS = 20.0
_FREE_BYTES = 50_000_000


class HomeError(RuntimeError):
    """The demo cannot live there; the text says why and what to do."""


@dataclass(frozen=True)
class Home:
    """The directory of one demo. ``storage`` says what its sites are; ``run`` is where sockets lie; ``lock``: a descriptor."""

    directory: Path
    ports: dict[str, int]
    uses_xrootd: bool
    storage: str
    run: Path
    lock: int

    @classmethod
    def open(cls, directory: Path, web_port: int | None, plain_directories: bool, fresh: bool = False) -> Home:
        """The home at ``directory``, made when it is not there; ports that somebody else has taken meanwhile are changed.

        Raises :class:`HomeError`.
        """
        try:
            lock = _locked(directory)
            if fresh:
                _clear(directory)
            # The sites' servers run under another account when root starts them, and have to get at their directories.
            directory.chmod(0o711)
            record = directory / _RECORD
            kept = json.loads(record.read_text()) if record.exists() else {}
            kept["ports"] = _ports(kept.get("ports", {}), web_port)
            kept["run"] = _run_directory(directory, kept.get("run"))
            _write(record, kept)
        except OSError as error:
            raise HomeError(f"{directory} cannot be the demo's home: {error}; choose another with --home") from error
        obstacle = "as was asked for" if plain_directories else xrootd.obstacle(directory / "sites")
        storage = f"directories ({obstacle})" if obstacle else "XRootD servers"
        return cls(directory, kept["ports"], not obstacle, storage, Path(kept["run"]), lock)

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}"

    @property
    def redis_socket(self) -> Path:
        return self.run / "redis.sock"

    def sites(self) -> list[DemoSite]:
        ports = [self.ports[name] for name in (*DISKS, "tape")] if self.uses_xrootd else None
        return make_sites(self.directory / "sites", ports)

    def environment(self) -> dict[str, str]:
        """The settings of every process of this demo."""
        return {
            "DJANGO_SETTINGS_MODULE": "dynamo_site.settings",
            "DYNAMO_HOME": str(self.directory),
            "DYNAMO_ENVIRONMENT": "demo",
            "DYNAMO_POLICY_DIR": str(POLICIES),
            "DYNAMO_MIN_FREE_BYTES": str(_FREE_BYTES),
            "REDIS_URL": f"unix://{self.redis_socket}",
            "INVENTORY_URL": f"grpc://127.0.0.1:{self.ports['inventory']}",
            "DATABASE_URL": f"sqlite:///{quote(str(self.directory / 'dynamo.sqlite3'))}",
            "PYTHONUNBUFFERED": "1",
        }


def _locked(directory: Path) -> int:
    """A descriptor that holds the home's lock; an earlier demo's last processes are waited for."""
    names = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    if names and names.isdisjoint({_LOCK, _RECORD}):
        raise HomeError(f"{directory} has other things in it; choose an empty directory with --home")
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise HomeError(
                    f"a demo is running in {directory} already; stop it, or choose another --home"
                ) from None
            time.sleep(0.2)


def _clear(directory: Path) -> None:
    """Remove everything of an earlier demo but the lock that we hold."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != _LOCK:
            path.unlink()


def _ports(kept: dict[str, int], web: int | None) -> dict[str, int]:
    wanted = {**kept, **({"web": web} if web else {})}
    if web and not is_free(web):
        raise HomeError(f"port {web} is taken; choose another with --port")
    return {
        name: wanted[name] if name in wanted and is_free(wanted[name]) else new
        for name, new in zip(_PORTS, free_ports(len(_PORTS)), strict=True)
    }


def _run_directory(directory: Path, kept: str | None) -> str:
    """The home itself; for one with a long or unusual path a short directory, as sockets' paths and URLs are limited."""
    if len(str(directory)) <= _LONGEST_PATH and re.fullmatch(r"[\w./-]+", str(directory), re.ASCII):
        return str(directory)
    if kept and Path(kept).is_dir() and Path(kept).stat().st_uid == os.geteuid():
        return kept
    made = Path(tempfile.mkdtemp(prefix="dynamo-"))
    made.chmod(0o711)
    return str(made)


def _write(record: Path, kept: dict[str, object]) -> None:
    part = record.with_suffix(".part")
    part.write_text(json.dumps(kept))
    part.rename(record)
