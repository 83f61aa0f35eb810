"""A child process that is watched to its end: its output is drained, it is told to end, and never left behind."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_LINES, _LONGEST_LINE = 500, 2000


@dataclass(frozen=True)
class Ending:
    """How it ended: ``code`` (negative: by that signal), ``reason`` why it was made to end ("": it ended by itself),
    ``output``: the end of what it wrote."""

    code: int
    reason: str
    output: str


class Child:
    """One child in a process group of its own. Its standard input stays open until we end: it notices our death by that."""

    def __init__(self, command: Sequence[str], first_line: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=dict(environment), start_new_session=True,
        )  # fmt: skip
        self._lines: collections.deque[str] = collections.deque(maxlen=_LINES)
        self._drain = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._drain.start()
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        # It may have died already; its exit code tells.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{first_line}\n")
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """Its process id, also that of its group."""
        return self._process.pid

    @property
    def output(self) -> str:
        """The last lines it wrote so far."""
        return "".join(list(self._lines))

    def watch(self, look: Callable[[], str | None], every: float, grace: float) -> Ending:
        """Wait for its end, calling ``look`` every so many seconds; a text from it is the reason to end the child."""
        reason = ""
        try:
            while not self._wait(every):
                reason = look() or ""
                if reason:
                    break
        finally:
            # Also what the child left running, and also when we leave by an error.
            self._end_group(grace)
        self._drain.join(1.0)
        return Ending(self._process.returncode, reason, self.output)

    def _wait(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _end_group(self, grace: float) -> None:
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while (not self._wait(0.05) or self._group_lives()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _group_lives(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _read(self, stream: IO[str]) -> None:
        for line in iter(lambda: stream.readline(_LONGEST_LINE), ""):
            self._lines.append(line)
            # Passed on as it is: a child's lines are structured already.
            sys.stdout.write(line)
            sys.stdout.flush()
