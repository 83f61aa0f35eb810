"""Runs schedules: each round, and each look at what it left, in a process forked from this one.

This process must not use Polars nor hold a database connection: neither survives a fork.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.inventory.faults.journal import events
from tests.inventory.faults.judging import judge
from tests.inventory.faults.rounds import Places, Sent, play
from tests.inventory.faults.schedule import TRANSACTIONS, Schedule

_LONGEST = 120.0
"""Seconds after which a process hangs."""
_IN_TRANSACTION = 0.05
"""Seconds that another leader tries while the one that sleeps holds the database's lock."""


@dataclass(frozen=True)
class Outcome:
    """``struck``: (kind, family, place) of each fault that happened; ``problems``: what did not hold; ``overtaken``:
    leaders that could not write any more after their sleep.
    """

    seed: int
    struck: tuple[tuple[str, ...], ...]
    problems: tuple[str, ...]
    overtaken: int


class Process:
    """A child that runs ``function`` and ends; what it prints is in ``output``."""

    def __init__(self, output: Path, function: Callable[..., None], *arguments: Any) -> None:
        self._output = output
        self._status: int | None = None
        self.number = os.fork()
        if self.number == 0:
            _run(output, function, *arguments)

    def wait(self, seconds: float = _LONGEST) -> bool:
        """Wait until it ended or stopped itself; whether it ended."""
        deadline = time.monotonic() + seconds
        while self._status is None:
            number, status = os.waitpid(self.number, os.WNOHANG | os.WUNTRACED)
            if number and os.WIFSTOPPED(status):
                return False
            if number:
                self._status = status
            elif time.monotonic() > deadline:
                return False
            else:
                time.sleep(0.001)
        return True

    def wake(self) -> None:
        """Have it go on after it stopped itself."""
        os.kill(self.number, signal.SIGCONT)

    def end(self) -> list[str]:
        """What is wrong with how it ended."""
        if not self.wait():
            os.kill(self.number, signal.SIGKILL)
            self.wait()
            return [f"process {self._output.stem} hangs: {self._output.read_text()}"]
        if self._status and not os.WIFSIGNALED(self._status):
            return [f"process {self._output.stem} fell: {self._output.read_text()}"]
        return []


def _run(output: Path, function: Callable[..., None], *arguments: Any) -> None:
    status = 1
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        function(*arguments)
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown, and the fork must not go on
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


@dataclass
class Run:
    """One schedule in ``directory``; ``prepare`` is called in each process before anything else."""

    schedule: Schedule
    directory: Path
    prepare: Callable[[], None]
    _journals: list[Path] = field(default_factory=list)
    _of_host: dict[Path, Places] = field(default_factory=dict)
    _hosts: dict[Places, bool] = field(default_factory=dict)
    """Whether what readers map there is what a living machine would have."""

    def outcome(self) -> Outcome:
        """Go through the rounds. The directory is removed unless something did not hold."""
        self.directory.mkdir(parents=True)
        problems = self._rounds()
        noted = [event for path in self._journals for event in events(path)]
        struck = tuple(tuple(event[1:]) for event in noted if event[0] == "struck")
        overtaken = sum(event[0] == "lost" and "is over" in event[1] for event in noted)
        if not problems:
            shutil.rmtree(self.directory)
        return Outcome(self.schedule.seed, struck, tuple(dict.fromkeys(problems)), overtaken)

    def _rounds(self) -> list[str]:
        number = 0
        while number < len(self.schedule.rounds):
            first = self._played(number, len(self._hosts) or 1)
            ended, number = first.wait(), number + 1
            problems = self._overtaken(first, number) if not ended else []
            number += not ended
            problems += first.end()
            self._without_power()
            hosts = list(self._hosts.items())
            problems = problems or self._looked(hosts, final=number >= len(self.schedule.rounds))
            if problems:
                return problems
        return []

    def _without_power(self) -> None:
        """The image is not synchronised: after a power cut a server writes it anew before anybody reads it."""
        for journal, places in self._of_host.items():
            self._hosts[places] = not any(event[:2] == ["struck", "power"] for event in events(journal))

    def _overtaken(self, first: Process, number: int) -> list[str]:
        """Another host leads while the first sleeps."""
        paused = next(event for event in events(self._journals[-1]) if event[0] == "paused")
        second = self._played(number, len(self._hosts) + 1)
        second.wait(_IN_TRANSACTION if paused[1] else _LONGEST)
        first.wake()
        first.wait()
        return second.end()

    def _played(self, number: int, host: int) -> Process:
        places = Places(self.directory / f"host{host}")
        journal = self.directory / f"round{number}.journal"
        process = Process(
            journal.with_suffix(".log"), self._prepared, play, self.schedule, number, places, journal, self._sent()
        )
        self._journals.append(journal)
        self._hosts.setdefault(places, True)
        self._of_host[journal] = places
        return process

    def _looked(self, hosts: list[tuple[Places, bool]], final: bool) -> list[str]:
        journal = self.directory / f"judge{len(self._journals)}.journal"
        look = (judge, self.schedule, hosts, list(self._journals), final, journal)
        problems = Process(journal.with_suffix(".log"), self._prepared, *look).end()
        found = [event[1] for path in (*self._journals, journal) for event in events(path) if event[0] == "problem"]
        return problems + found

    def _prepared(self, function: Callable[..., None], *arguments: Any) -> None:
        self.prepare()
        function(*arguments)

    def _sent(self) -> Sent:
        noted = [event for path in self._journals for event in events(path)]
        acknowledged = {event[1] for event in noted if event[0] == "acknowledged"}
        done = tuple(n for n in range(TRANSACTIONS) if f"{self.schedule.seed}-{n}" in acknowledged)
        senders = self.schedule.senders
        waiting = [n for n in range(TRANSACTIONS) if n not in done]
        return Sent(tuple(tuple(n for n in waiting if n % senders == sender) for sender in range(senders)), done)
