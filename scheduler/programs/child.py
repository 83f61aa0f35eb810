"""The keeper's side of the supervisor: starts it, drains its output, and tells it when the program has to end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scheduler.errors import ProgramFailed
from scheduler.programs.log import BoundedLog
from scheduler.programs.workplace import supervisor_command, supervisor_environment
from scheduler.settings import SchedulerSettings

_POLL_SECONDS, _LOOK_SECONDS = 0.1, 1.0
_PIECE = 65536


@dataclass(frozen=True)
class Ended:
    """How a program ended: ``code`` (negative: by that signal; None: killed with all its processes), and the limit that it
    broke ("": none).
    """

    code: int | None
    reason: str


def supervised(
    order: dict[str, Any], output: BoundedLog, settings: SchedulerSettings, look: Callable[[], None]
) -> Ended:
    """Do ``order`` to its end; what the program writes goes to ``output``, and ``look``, called now and then, may raise.

    Whatever raises, the program and all that it started are gone when this returns. Raises ProgramFailed when the machine
    cannot shut it in.
    """
    told, tell = os.pipe()
    order["tell"] = tell
    with os.fdopen(told) as answers:
        process = subprocess.Popen(
            supervisor_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=[tell],
            env=supervisor_environment(), start_new_session=True, cwd="/",
        )  # fmt: skip
        os.close(tell)
        drain = _Drain(process, output)
        try:
            _send(process, json.dumps(order) + "\n")
            reason = _watched(process, drain, settings.program_output, look)
            if reason:
                _send(process, "end\n")
                process.wait(2 * order["grace"] + 60)
        finally:
            _gone(process)
            drain.join()
        return _ending([json.loads(line) for line in answers], reason, output)


def _watched(process: subprocess.Popen[bytes], drain: _Drain, most: int, look: Callable[[], None]) -> str:
    look_at = 0.0
    while process.poll() is None:
        if time.monotonic() >= look_at:
            look()
            look_at = time.monotonic() + _LOOK_SECONDS
        if drain.output.total > most:
            return f"it wrote more than {most} bytes"
        if drain.trouble:
            return drain.trouble
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)
    return ""


def _send(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    # It may have ended already; its answers tell.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(line.encode())
        process.stdin.flush()


def _gone(process: subprocess.Popen[bytes]) -> None:
    """The end of its standard input ends the supervisor and everything below it."""
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.wait()


class _Drain(threading.Thread):
    """Reads what the program writes, so that it never waits for us; ``trouble``: why its log cannot be written."""

    def __init__(self, process: subprocess.Popen[bytes], output: BoundedLog) -> None:
        super().__init__(name="program-output", daemon=True)
        self.output, self.trouble = output, ""
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._stream = process.stdout
        self.start()

    def run(self) -> None:
        """To the end of the stream."""
        while data := os.read(self._stream.fileno(), _PIECE):
            try:
                self.output.add(data)
            except OSError as error:
                self.trouble = f"its log cannot be written: {error.strerror}"


def _ending(answers: list[dict[str, Any]], reason: str, output: BoundedLog) -> Ended:
    told = {name: value for answer in answers for name, value in answer.items()}
    if "refused" in told:
        raise ProgramFailed(
            f"not started: {told['refused']}; run the worker as root, or where user namespaces are allowed "
            "(DYNAMO_APPLICATION_UNCONFINED=1 runs programs all the same, with the worker's rights on files)"
        )
    lacking = [name for name, there in told.get("measures", {}).items() if not there]
    if lacking:
        output.note(f"shut in without: {', '.join(lacking)}")
    if "status" not in told:
        raise ProgramFailed("its supervisor ended without telling how; the log may say why")
    return Ended(told["status"], reason or told["reason"])
