"""Runs many schedules, in several processes if wanted."""

from __future__ import annotations

import functools
import json
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from django.db import connections

from inventory.policy.parser import parse_condition
from tests.inventory.faults import databases
from tests.inventory.faults.mutations import broken
from tests.inventory.faults.processes import Outcome, Process, Run
from tests.inventory.faults.schedule import drawn


def outcomes(
    seeds: Sequence[int], directory: Path, workers: int = 1, mutation: str = "", stop: bool = False
) -> Iterator[Outcome]:
    """What came of each schedule, as it ends. ``stop``: end after the first that failed."""
    # Made once, before all forks: it takes as long as a change set.
    parse_condition("dataset.name == *")
    workers_at_work = [_worker(seeds[worker::workers], directory, worker, mutation) for worker in range(workers)]
    readers = [os.fdopen(pipe) for _, pipe in workers_at_work]
    while readers:
        for reader in list(readers):
            line = reader.readline()
            if not line:
                readers.remove(reader)
                continue
            outcome = _outcome(json.loads(line))
            yield outcome
            if stop and outcome.problems:
                readers.clear()
                break
    for number, _ in workers_at_work:
        if stop:
            os.kill(number, signal.SIGTERM)
        os.waitpid(number, 0)


def _outcome(told: dict[str, object]) -> Outcome:
    return Outcome(told["seed"], tuple(map(tuple, told["struck"])), tuple(told["problems"]), told["overtaken"])


def _worker(seeds: Sequence[int], directory: Path, number: int, mutation: str) -> tuple[int, int]:
    """A process that runs ``seeds``; returns its number, and where it tells what came of them."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(reading)
            _work(seeds, directory / f"worker{number}", mutation, writing)
        finally:
            os._exit(0)
    os.close(writing)
    return process, reading


def _work(seeds: Sequence[int], directory: Path, mutation: str, writing: int) -> None:
    directory.mkdir()
    database = connections["default"]
    name = f"{database.settings_dict['NAME']}_{directory.name}"
    database.settings_dict["NAME"] = name
    problems = Process(directory / "made.log", databases.made).end()
    if problems:
        raise RuntimeError(problems)
    for seed in seeds:
        home = directory / f"seed{seed}"
        databases.fresh(Path(name), directory / f"seed{seed}.sqlite3", directory / "emptied.log")
        outcome = Run(drawn(seed), home, functools.partial(broken, mutation)).outcome()
        if not outcome.problems:
            (directory / f"seed{seed}.sqlite3").unlink(missing_ok=True)
        os.write(writing, json.dumps(asdict(outcome)).encode() + b"\n")
    Process(directory / "removed.log", databases.removed).end()
