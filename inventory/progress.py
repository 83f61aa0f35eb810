"""Progress of commands, on stderr, for what takes over two seconds: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

AFTER_SECONDS = 2.0
_LINE_SECONDS = 10.0

Step = Callable[..., None]
"""``step(done, text)``: how much is done now, and what goes on (None: as before)."""


@contextmanager
def waiting(text: str) -> Iterator[Step]:
    """Progress of something of which nobody knows how long it takes."""
    with bar(text) as step:
        yield step


@contextmanager
def bar(text: str, total: float | None = None) -> Iterator[Step]:
    """Progress towards ``total``; shown only if the block takes over two seconds."""
    shown = _Bar(text, total) if sys.stderr.isatty() else _Lines(text, total)
    timer = threading.Timer(AFTER_SECONDS, shown.show)
    timer.daemon = True
    timer.start()
    try:
        yield shown.step
    finally:
        timer.cancel()
        timer.join()
        shown.end()


class _Bar:
    """What a terminal sees."""

    def __init__(self, text: str, total: float | None) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(text, total=total)

    def show(self) -> None:
        """Begin to show it (in the timer's thread)."""
        self._progress.start()

    def step(self, done: float | None = None, text: str | None = None) -> None:
        """See ``Step``."""
        self._progress.update(self._task, completed=done, description=text)

    def end(self) -> None:
        """Take it away."""
        self._progress.stop()


class _Lines:
    """What a log file sees."""

    def __init__(self, text: str, total: float | None) -> None:
        self._text, self._total, self._done = text, total, 0.0
        self._next = time.monotonic() + AFTER_SECONDS + _LINE_SECONDS

    def show(self) -> None:
        """The first line (in the timer's thread)."""
        self._write()

    def step(self, done: float | None = None, text: str | None = None) -> None:
        """See ``Step``."""
        self._done = self._done if done is None else done
        self._text = text or self._text
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_SECONDS
            self._write()

    def end(self) -> None:
        """Nothing has to be taken away."""

    def _write(self) -> None:
        part = f": {100 * self._done / self._total:.0f} %" if self._total else " …"
        sys.stderr.write(f"{self._text}{part}\n")
        sys.stderr.flush()
