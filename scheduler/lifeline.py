"""The child's end of the pipe from the worker: the first line brings the arguments, the pipe's end means death."""

from __future__ import annotations

import os
import signal
import threading
import time

_INPUT = 0


def first_line() -> str:
    """What the worker sent first. Reads no further than that line."""
    received = bytearray()
    while (byte := os.read(_INPUT, 1)) not in (b"", b"\n"):
        received += byte
    return received.decode()


def end_with_the_worker(grace: float) -> None:
    """From now on: when the worker is gone, this process is told to end, and ``grace`` seconds later killed."""
    threading.Thread(target=_watch, args=(grace,), name="lifeline", daemon=True).start()


def end_on_sigterm() -> None:
    """SIGTERM ends the process by way of its ``finally`` blocks, so that it gives its turn back."""
    signal.signal(signal.SIGTERM, _told_to_end)


def _told_to_end(*_: object) -> None:
    # Once: a second signal must not interrupt the cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


def _watch(grace: float) -> None:
    while os.read(_INPUT, 1) != b"":
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os.killpg(os.getpgrp(), signal.SIGKILL)
