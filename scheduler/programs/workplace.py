"""Where one program runs: a directory of its own, removed afterwards, and the order that its supervisor gets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from django.conf import settings as django_settings

from inventory import log
from scheduler.broker import socket_path
from scheduler.models import Application, Level
from scheduler.programs.confinement import SYSTEM
from scheduler.settings import SchedulerSettings

_FIRST_ACCOUNT, _ACCOUNTS = 61184, 4336
"""User ids that systemd, too, gives to nobody for longer than a service runs; each program that runs has its own."""
_OF_DYNAMO = (
    "DYNAMO_HOME", "POLICY_DIR", "INVENTORY_IMAGE_DIR", "INVENTORY_CHECKPOINT_DIR", "HISTORY_DIR", "INVENTORY_HISTORY_DIR",
    "SOURCE_DIR", "APPLICATION_DIR",
)  # fmt: skip
_NICE = 5
_SPARE_ADDRESSES = 4 * 1024**3
"""Address space that libraries reserve and do not use."""


class Workplace:
    """Entered: the directory is there. The program itself lies beside its working directory, where it cannot be exchanged."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> Workplace:
        self._place = Path(tempfile.mkdtemp(prefix="dynamo-program-", dir=django_settings.APPLICATION_WORK_DIR or None))
        self._place.chmod(0o711)
        self.work.mkdir(mode=0o700)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not shutil: a program may leave directories deeper in each other than Python's stack.
        subprocess.run(["rm", "-rf", "--one-file-system", "--", str(self._place)], check=True, stdin=subprocess.DEVNULL)

    @property
    def work(self) -> Path:
        """The program's working directory."""
        return self._place / "work"

    @property
    def changes(self) -> Path:
        """Where a program that may write leaves what it wants written."""
        return self.work / ".changes"

    @property
    def _program(self) -> Path:
        return self._place / "program"

    def put(self, content: bytes) -> None:
        """Have the program there: these bytes are what runs."""
        self._program.write_bytes(content)
        self._program.chmod(0o555)

    def order(
        self, application: Application, settings: SchedulerSettings, run: int, version: int, token: str
    ) -> dict[str, Any]:
        """What the supervisor is to do (JSON)."""
        packages = [django_settings.BASE_DIR / name for name in ("inventory", "dynamo_client")]
        needed = list(dict.fromkeys(map(str, (sys.base_prefix, sys.prefix, *packages, self._place))))
        return {
            "command": self._command(application.arguments),
            "environment": self._environment(application, run, version, token),
            "work": str(self.work), "needed": needed, "read": needed, "listed": [str(django_settings.BASE_DIR)],
            "hidden": hidden_places(),
            "account": _FIRST_ACCOUNT + application.pk % _ACCOUNTS, "unconfined": django_settings.APPLICATION_UNCONFINED,
            "limit": application.limit, "grace": settings.grace, "nice": _NICE,
            "memory": settings.program_memory, "disk": settings.program_disk,
            "limits": {
                "AS": settings.program_memory + _SPARE_ADDRESSES, "CPU": settings.program_cpu_seconds,
                "FSIZE": settings.program_disk, "NOFILE": settings.program_files,
                "NPROC": settings.program_processes, "CORE": 0,
            },
        }  # fmt: skip

    def _command(self, arguments: Sequence[str]) -> list[str]:
        """A script of another language by its first line, a compiled program as it is, all others by our Python."""
        head = self._program.read_bytes()[:256]
        first_line = head.partition(b"\n")[0]
        if head.startswith(b"\x7fELF") or (head.startswith(b"#!") and b"python" not in first_line):
            return [str(self._program), *arguments]
        return [sys.executable, "-u", "-P", "-s", str(self._program), *arguments]

    def _environment(self, application: Application, run: int, version: int, token: str) -> dict[str, str]:
        place = str(self.work)
        given = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": place, "TMPDIR": place, "LANG": "C.UTF-8", "TZ": "UTC",
            "PYTHONPATH": str(django_settings.BASE_DIR), "PYTHONDONTWRITEBYTECODE": "1",
            # Their threads count as processes.
            "POLARS_MAX_THREADS": "4", "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4",
            "DYNAMO_RUN": str(run), "DYNAMO_RUN_TOKEN": token, "DYNAMO_RUN_VERSION": str(version),
            "DYNAMO_RUN_INVENTORY": log.leadership().url or django_settings.INVENTORY_URL,
        }  # fmt: skip
        if application.level != Level.READ:
            # As the client, command or library, expects them.
            given |= {"DYNAMO_URL": django_settings.APPLICATION_SERVER, "DYNAMO_TOKEN": token}
        if application.level == Level.WRITE:
            given["DYNAMO_RUN_CHANGES"] = str(self.changes)
        return given


def hidden_places() -> list[str]:
    """Directories that a program of the worker's own account must not see: Dynamo's files and settings, the account's home,
    and where the socket of Redis is; not one that the system's directories are in.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 - an account may have none: no error then
    given = [getattr(django_settings, name) for name in _OF_DYNAMO] + [*django_settings.APPLICATION_HIDDEN, home]
    socket = socket_path(django_settings.REDIS_URL)
    places = [Path(place) for place in [*given, *([Path(socket).parent] if socket else [])]]
    return list(dict.fromkeys(str(place) for place in places if place.is_absolute() and not _of_system(place)))


def _of_system(place: Path) -> bool:
    return any(Path(needed).is_relative_to(place) for needed in (*SYSTEM, "/etc", "/run", "/dev"))


def supervisor_command() -> list[str]:
    """How the supervisor is started: without site packages, which it does not need."""
    return [sys.executable, "-S", "-P", "-m", "scheduler.programs.supervisor"]


def supervisor_environment() -> dict[str, str]:
    """All that it knows of where we are."""
    return {"PYTHONPATH": str(django_settings.BASE_DIR), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
