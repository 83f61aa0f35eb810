"""Child processes of the testbed: started, waited for, told to stop, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.guard import Guard

_LOOK_SECONDS = 0.5


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


@dataclass(frozen=True)
class Launch:
    """A service to be started: its command line, and how to tell that it is ready."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]


@dataclass
class Supervisor:
    """Starts services and stops them in the opposite order; a ``guard`` ends them should we be killed."""

    log_directory: Path
    environment: Mapping[str, str]
    services: dict[str, Service] = field(default_factory=dict)
    guard: Guard | None = None
    _together: list[list[str]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str], ready: Callable[[], bool], seconds: float = 60) -> Service:
        """Start ``command`` and wait until ``ready()``; raises :class:`ServiceFailed` with the log's last lines."""
        return self.start_together([Launch(name, command, ready)], seconds)[0]

    def start_together(self, wanted: Sequence[Launch], seconds: float = 60) -> list[Service]:
        """Start several services at the same time and wait until all are ready."""
        self._together.append([each.name for each in wanted])
        started = [self._launch(each) for each in wanted]
        deadline = time.monotonic() + seconds
        for service, each in zip(started, wanted, strict=True):
            self._wait(service, each.ready, deadline)
        return started

    def _launch(self, wanted: Launch) -> Service:
        self.log_directory.mkdir(parents=True, exist_ok=True)
        log = self.log_directory / f"{wanted.name}.log"
        with log.open("ab") as stream:
            # An own session: Ctrl-C reaches only the supervisor, which then stops the services in order.
            process = subprocess.Popen(
                list(wanted.command), stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip
        if self.guard is not None:
            self.guard.watch(process.pid)
        service = self.services[wanted.name] = Service(wanted.name, process, log)
        return service

    def stop(self, name: str, seconds: float = 15) -> None:
        self._stop([self.services.pop(name)], seconds)

    def stop_all(self, seconds: float = 15) -> None:
        """Stop all services in the opposite order of their start, those together that were started together."""
        for names in reversed(self._together):
            self._stop([self.services.pop(name) for name in reversed(names) if name in self.services], seconds)

    def _stop(self, services: Sequence[Service], seconds: float) -> None:
        for service in services:
            _signal(service.process, signal.SIGTERM)
        for service in services:
            _end(service.process, seconds)
            if self.guard is not None:
                self.guard.forget(service.process.pid)

    def dead(self) -> list[Service]:
        # A copy: the watch calls this while others start services.
        return [service for service in list(self.services.values()) if not service.is_alive()]

    def _wait(self, service: Service, ready: Callable[[], bool], deadline: float) -> None:
        while time.monotonic() < deadline:
            for ended in self.dead():
                raise ServiceFailed(last_words(ended))
            if ready():
                return
            time.sleep(0.1)
        raise ServiceFailed(f"{service.name} does not answer; {service.log} says:\n{service.last_lines()}")


def last_words(service: Service) -> str:
    """What to tell of a service that ended by itself."""
    return f"{service.name} ended by itself; {service.log} says:\n{service.last_lines()}"


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the whole group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for one that was told to end; SIGKILL to what is left of its group after ``seconds``."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    _signal(process, signal.SIGKILL)
    process.wait()


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on the TCP port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the TCP port now."""
    with socket.socket() as probe:
        # As servers do: a connection of an earlier one that has not quite ended is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return not answers(port, host)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


@contextlib.contextmanager
def stopping(supervisor: Supervisor) -> Iterator[Supervisor]:
    """Stops everything at the end, also on Ctrl-C, SIGTERM, and when the terminal is closed.

    Should a service end by itself meanwhile, :class:`ServiceFailed` is raised in the main thread, whatever it is at.
    """
    fallen = threading.Event()
    reported = sys.unraisablehook

    def lost(what: sys.UnraisableHookArgs) -> None:
        # It struck inside a finaliser, from where nothing is raised: it is raised again soon.
        if not isinstance(what.exc_value, ServiceFailed):
            reported(what)

    def interrupted(number: int, _: object) -> None:
        if number == signal.SIGUSR1:
            raise ServiceFailed("\n".join(map(last_words, supervisor.dead())))
        raise KeyboardInterrupt

    def watch() -> None:
        # Again and again until we are left, as it may have been lost.
        while not fallen.wait(_LOOK_SECONDS):
            if supervisor.dead():
                os.kill(os.getpid(), signal.SIGUSR1)

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
    previous = {number: signal.signal(number, interrupted) for number in numbers}
    sys.unraisablehook = lost
    watcher = threading.Thread(target=watch, name="watch", daemon=True)
    watcher.start()
    try:
        yield supervisor
    finally:
        fallen.set()
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        watcher.join()
        supervisor.stop_all()
        for number, handler in previous.items():
            signal.signal(number, handler)
        sys.unraisablehook = reported
