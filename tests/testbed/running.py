"""A demo as its user runs it: a process of its own, told to end or killed, with a look at what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--directories", "--datasets", "40")


class Demo:
    """One home and the demo's starts in it; ``output`` is the last start's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = home.parent / f"{home.name}-output"

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A start in the background; killed at the end should it still run."""
        command = [sys.executable, "-u", "-m", "testbed", "--home", str(self.home), *arguments]
        with self.output.open("wb") as stream:
            process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=stream, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def run(self, *arguments: str, seconds: float = 240) -> int:
        """Start it and wait for its end: the exit status."""
        with self.started(*arguments) as process:
            return process.wait(seconds)

    def told(self) -> str:
        return self.output.read_text()

    def wait_for(self, text: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
        """Wait until the demo has told this."""
        deadline = time.monotonic() + seconds
        while text not in self.told():
            assert process.poll() is None, self.told()
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.05)

    def processes(self) -> list[psutil.Process]:
        """All processes of this demo: those whose environment or command line names its home."""
        return [process for process in psutil.process_iter() if process.pid != os.getpid() and self._is_ours(process)]

    def service(self, command: str) -> psutil.Process:
        """The process of a service, by what its command line says."""
        found = next((process for process in self.processes() if command in process.cmdline()), None)
        assert found, f"No {command} runs. {self.told()}"
        return found

    def assert_gone(self, seconds: float = 20) -> None:
        """Nothing of the demo runs any more."""
        deadline = time.monotonic() + seconds
        while left := self.processes():
            assert time.monotonic() < deadline, [process.cmdline() for process in left]
            time.sleep(0.2)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            named = process.environ().get("DYNAMO_HOME") == str(self.home) or str(self.home) in process.cmdline()
            return named and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def kill_with_children(process: psutil.Process) -> None:
    """SIGKILL to a process and to all that it has started."""
    for each in [process, *process.children(recursive=True)]:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue


def interrupt(process: subprocess.Popen[bytes], seconds: float = 60) -> int:
    """Ctrl-C; the exit status."""
    process.send_signal(signal.SIGINT)
    return process.wait(seconds)


def _environment() -> dict[str, str]:
    """Ours without what belongs to the tests: the demo makes its own settings."""
    theirs = ("DYNAMO_", "PYTEST", "REDIS_URL", "DATABASE_URL", "INVENTORY_", "DJANGO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
