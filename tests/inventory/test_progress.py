"""What commands show while something takes long."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

from inventory import progress

CODE = """
import time
from inventory import progress
progress.AFTER_SECONDS = {after}
with progress.bar("writing tables", 4) as step:
    step(2, "writing blocks")
    time.sleep(0.6)
print("end")
"""


def on_a_terminal(after: float) -> str:
    ours, theirs = pty.openpty()
    code = [sys.executable, "-c", CODE.format(after=after)]
    subprocess.run(code, stderr=theirs, stdout=theirs, check=True, env={**os.environ, "TERM": "xterm"}, timeout=60)
    os.close(theirs)
    told = b""
    try:
        while piece := os.read(ours, 65536):
            told += piece
    except OSError:
        # The end of a terminal whose other side is closed.
        pass
    os.close(ours)
    return told.decode()


def test_a_terminal_sees_a_bar_that_goes_away_again():
    told = on_a_terminal(0.05)
    assert "writing blocks" in told and "━" in told
    assert told.index("writing blocks") < told.index("end")


def test_what_is_quick_shows_nothing():
    assert on_a_terminal(30).strip() == "end"


def test_a_log_file_gets_lines(monkeypatch, capsys):
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    with progress.bar("dropping", 200) as step:
        time.sleep(0.05)
        step(50)
        step(100, "still dropping")
    assert capsys.readouterr().err.splitlines()[-2:] == ["dropping: 25 %", "still dropping: 50 %"]


def test_of_unknown_length(monkeypatch, capsys):
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0.0)
    with progress.waiting("reading"):
        time.sleep(0.2)
    assert capsys.readouterr().err == "reading …\n"
