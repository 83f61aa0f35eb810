"""Children are watched to their end, whatever they do."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from scheduler.process import Child
from tests.scheduler.workers import until

_CHILD_THAT_LEAVES_ONE_BEHIND = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
"""


def _child(program, first_line=""):
    return Child([sys.executable, "-c", program], first_line, {**os.environ, "PYTHONUNBUFFERED": "1"})


def _watch(child, look=lambda: None, grace=2.0):
    return child.watch(look, 0.02, grace)


def test_a_child_gets_its_line_and_its_words_and_code_are_kept():
    ending = _watch(_child("import sys; print('got', input()); print('bad', file=sys.stderr); sys.exit(3)", "hello"))
    assert (ending.code, ending.reason) == (3, "")
    assert ending.output == "got hello\nbad\n"


def test_output_is_bounded_in_lines_and_in_length():
    ending = _watch(_child("for n in range(2000): print(n)\nprint('x' * 10_000)"))
    lines = ending.output.splitlines()
    assert lines[0] != "0"
    assert len(lines) <= 505
    assert len(ending.output) < 20_000


def test_a_child_that_writes_more_than_a_pipe_holds_does_not_block():
    assert _watch(_child("print('y' * 5_000_000)")).code == 0


def test_a_child_is_told_to_end_and_may_clean_up():
    program = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("cleaned up"), sys.exit(0)))
print("ready")
time.sleep(60)
"""
    child = _child(program)
    ending = _watch(child, lambda: "enough" if "ready" in child.output else None)
    assert (ending.code, ending.reason) == (0, "enough")
    assert ending.output.endswith("cleaned up\n")


def test_a_child_that_does_not_listen_is_killed_after_the_grace_time():
    child = _child("import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('ready')\ntime.sleep(60)")
    began = time.monotonic()
    ending = _watch(child, lambda: "enough" if "ready" in child.output else None, grace=0.3)
    assert ending.code == -9
    assert time.monotonic() - began < 10


def test_what_a_child_leaves_running_is_ended_with_it():
    left = int(_watch(_child(_CHILD_THAT_LEAVES_ONE_BEHIND)).output)
    until(lambda: _is_gone(left), 5)


def test_an_error_of_the_watcher_does_not_leave_the_child_behind():
    child = _child("import time; time.sleep(60)")

    def look():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _watch(child, look)
    assert _is_gone(child.pid)


def _is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A child of a child that ended belongs to the system, which may not have looked after it yet.
    return " Z " in Path(f"/proc/{pid}/stat").read_text()
