"""A process that outlives the one that started it by a moment and cleans up after it, however that ended (also by kill -9).

Reads lines ``+GROUP`` and ``-GROUP`` (process group ids) from standard input; when the other end of that pipe is gone,
ends the groups that are left and removes the directory given as its argument, if any. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Guard:
    """Our end of the pipe."""

    process: subprocess.Popen[str]

    @classmethod
    def over(cls, directory: Path | None = None, keeps: tuple[int, ...] = ()) -> Guard:
        """Start a guard that removes ``directory`` at the end, and holds the file descriptors ``keeps`` (locks) till then."""
        command = [sys.executable, "-I", __file__, *([str(directory)] if directory else [])]
        # A session of its own: Ctrl-C and a kill of our group do not reach it.
        return cls(subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True, pass_fds=keeps))

    def watch(self, group: int) -> None:
        """End the process group ``group`` when we are gone."""
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """The group has ended; its number may come to belong to somebody else."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """Let it end what is left, now, and wait for it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()

    def _tell(self, line: str) -> None:
        if self.process.stdin is None:
            return
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end(groups: list[int]) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while any(_alive(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, None] = {}
    for line in sys.stdin:
        if line.startswith("+"):
            groups[int(line[1:])] = None
        else:
            groups.pop(int(line[1:]), None)
    _end(list(reversed(groups)))
    for directory in sys.argv[1:]:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
