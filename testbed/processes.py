"""Child processes of the testbed: started, waited for, told to stop, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class ServiceFailed(RuntimeError):
    """A service ended or did not answer in time; the text names its log."""


@dataclass
class Service:
    """One running child process with its log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


@dataclass
class Supervisor:
    """Starts services in order and stops them in the opposite one."""

    log_directory: Path
    environment: Mapping[str, str]
    services: dict[str, Service] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], ready: Callable[[], bool], seconds: float = 60) -> Service:
        """Start ``command`` and wait until ``ready()``; raises :class:`ServiceFailed` with the log's last lines."""
        self.log_directory.mkdir(parents=True, exist_ok=True)
        log = self.log_directory / f"{name}.log"
        with log.open("ab") as stream:
            # An own session: Ctrl-C reaches only the supervisor, which then stops the services in order.
            process = subprocess.Popen(
                list(command), stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip
        service = self.services[name] = Service(name, process, log)
        _wait(service, ready, seconds)
        return service

    def stop(self, name: str, seconds: float = 15) -> None:
        service = self.services.pop(name)
        _end(service.process, seconds)

    def stop_all(self) -> None:
        for name in reversed(list(self.services)):
            self.stop(name)

    def dead(self) -> list[Service]:
        return [service for service in self.services.values() if not service.is_alive()]


def _wait(service: Service, ready: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not service.is_alive():
            raise ServiceFailed(f"{service.name} ended at once; {service.log} says:\n{service.last_lines()}")
        if ready():
            return
        time.sleep(0.1)
    raise ServiceFailed(
        f"{service.name} does not answer after {seconds:.0f} s; {service.log} says:\n{service.last_lines()}"
    )


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """SIGTERM to the whole group, SIGKILL to what is left after ``seconds``."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on the TCP port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


@contextlib.contextmanager
def stopping(supervisor: Supervisor) -> Iterator[Supervisor]:
    """Stops everything at the end, also on Ctrl-C and on SIGTERM."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupted)
    try:
        yield supervisor
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        supervisor.stop_all()
        signal.signal(signal.SIGTERM, previous)
