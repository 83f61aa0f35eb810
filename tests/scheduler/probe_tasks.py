"""Tasks that the worker of these tests runs; ``DYNAMO_TASK_MODULES`` names this module."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

from celery import shared_task

from scheduler.runs import writer


@shared_task(name="probe.cycle")
def cycle(path: str, seconds: float = 0) -> None:
    """A cycle: takes its turn, uses Polars, works for a while, and says in the file that it is done."""
    import polars as pl

    with writer("probe", {"path": path}, "probe") as run:
        _add(path, "began", run.token)
        time.sleep(seconds)
        run.check()
        run.log(f"sum {pl.DataFrame({'a': range(1000)}).select(pl.col('a').sum()).item()}")
        _add(path, "ended", run.token)


@shared_task(name="probe.late")
def late(path: str, go: str) -> None:
    """Takes its turn, waits for the file ``go``, and sends its change set without looking whether it is late."""
    from inventory import client

    with writer("probe", {}, "probe") as run:
        run.commit(run.changes().put("sites", [{"name": "T2_EARLY"}]))
        _add(path, "began", run.token)
        while not Path(go).exists():
            time.sleep(0.01)
        client.commit(run.changes().put("sites", [{"name": "T2_LATE"}]))


@shared_task(name="probe.small", isolated=False)
def small(path: str) -> None:
    """Runs in the worker's thread."""
    _add(path, threading.current_thread().name, 0)


@shared_task(name="probe.limited", limit=1.0)
def limited(path: str) -> None:
    """Takes longer than it may."""
    _add(path, "began", 0)
    time.sleep(60)


@shared_task(name="probe.stubborn", limit=1.0)
def stubborn(path: str) -> None:
    """Does not let itself be ended."""
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _add(path, "began", 0)
    time.sleep(60)


@shared_task(name="probe.broken")
def broken() -> None:
    """Fails."""
    print("this is what it said before")
    raise ValueError("the disk is made of cheese")


def _add(path: str, what: str, token: int) -> None:
    with Path(path).open("a") as stream:
        stream.write(json.dumps({"what": what, "pid": os.getpid(), "token": token}) + "\n")
