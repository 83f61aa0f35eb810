"""What one test process has of its own: a temporary directory, a guard over it, and the servers it started."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.guard import Guard
from testbed.processes import Service, Supervisor


@dataclass(frozen=True)
class Session:
    """Temporary directory and servers of this test process."""

    directory: Path
    guard: Guard
    supervisor: Supervisor

    def start(self, name: str, command: Sequence[str], ready: Callable[[], bool], seconds: float = 60) -> Service:
        """Start a server, wait until it is ready, and have the guard end it should this process be killed."""

        @functools.cache
        def watch() -> None:
            self.guard.watch(self.supervisor.services[name].process.pid)

        def watched_and_ready() -> bool:
            watch()
            return ready()

        return self.supervisor.start(name, command, watched_and_ready, seconds)

    def stop(self, name: str) -> None:
        group = self.supervisor.services[name].process.pid
        self.supervisor.stop(name)
        self.guard.forget(group)

    def stop_all(self) -> None:
        for name in reversed(list(self.supervisor.services)):
            self.stop(name)


@functools.cache
def session() -> Session:
    """The session of this process, made at first use."""
    # Short, because the path of a Unix socket is limited to about 100 characters.
    directory = Path(tempfile.mkdtemp(prefix="dynamo-test-"))
    # Servers started by root change to other accounts, and have to get at their directories.
    directory.chmod(0o711)
    return Session(directory, Guard.over(directory), Supervisor(directory / "logs", {}))
