"""Real processes for these tests: workers, and programs that take a turn."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
QUICK = {
    "DYNAMO_SCHEDULER_LEASE": "2", "DYNAMO_SCHEDULER_JOB_LEASE": "2", "DYNAMO_SCHEDULER_GRACE": "2",
    "DYNAMO_TASK_MODULES": "tests.scheduler.probe_tasks", "DYNAMO_LOG_FORMAT": "text",
}  # fmt: skip


@dataclass
class Worker:
    """A running ``manage.py worker``."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As the system does when memory is short."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 20) -> int:
        """As an operator does; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is killed at the end."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, env=environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
            cwd=settings.BASE_DIR,
        )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def worker(environment: dict[str, str], log: Path) -> Iterator[Worker]:
    """A worker that is ready for tasks."""
    offset = log.stat().st_size if log.exists() else 0
    with running([*MANAGE, "worker", "--concurrency", "4"], environment, log) as process:
        until(lambda: "worker ready" in log.read_text()[offset:], 30, log)
        yield Worker(process, log)


def until(happens: Callable[[], object], seconds: float = 15, log: Path | None = None) -> None:
    """Wait until it happens; fails with the log."""
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not happen in {seconds} s\n{log.read_text() if log else ''}")
        time.sleep(0.05)


def lines(path: Path) -> list[dict[str, object]]:
    """What probe tasks have written."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
