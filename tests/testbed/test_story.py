"""The demo as a newcomer runs it: the whole story, interrupted, continued, at inconvenient places."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from testbed import xrootd
from tests.testbed.running import ROOT, SMALL, Demo, interrupt

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_the_whole_story_with_servers(tmp_path_factory):
    if not xrootd.is_installed():
        pytest.skip("xrootd is not installed; make packages installs it")
    # Directly below the temporary directory: the servers' account has to get at it.
    demo = Demo(Path(tempfile.mkdtemp(prefix="dynamo-demo-")))
    try:
        assert demo.run("--check") == 0, demo.told()
        told = demo.told()
        assert "storage sites are XRootD servers" in told
        assert told.index("Before") < told.index("After") < told.index("All of it is so")
        assert "12 of 12 files are on the disk" in told
        assert "each of the 150 datasets that the API acknowledged" in told
        demo.assert_gone()
    finally:
        shutil.rmtree(demo.home)
        demo.output.unlink()


def test_interrupted_in_the_middle_it_goes_on_where_it_was(tmp_path):
    demo = Demo(tmp_path / "a home with blanks & a long name, as some people's are, deep below their others")
    with demo.started(*SMALL) as process:
        demo.wait_for("A physicist asks", process)
        assert interrupt(process) == 130
    assert "goes on where it was" in demo.told()
    assert "Traceback" not in demo.told()
    demo.assert_gone()
    ports = json.loads((demo.home / "ports.json").read_text())["ports"]
    with socket.create_server(("127.0.0.1", ports["web"])), demo.started(*SMALL) as process:
        demo.wait_for("It stays up for you", process)
        assert "data: done at an earlier start" in demo.told()
        assert json.loads((demo.home / "ports.json").read_text())["ports"]["web"] != ports["web"]
        assert interrupt(process) == 0
    demo.assert_gone()


def test_a_killed_demo_leaves_no_process_behind(tmp_path):
    demo = Demo(tmp_path / "demo")
    with demo.started(*SMALL) as process:
        demo.wait_for("Up after", process)
        assert len(demo.processes()) > 4
        process.send_signal(signal.SIGKILL)
        process.wait()
    demo.assert_gone()


def test_a_home_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("all of my work")
    demo = Demo(tmp_path)
    demo.output = tmp_path.parent / "output"
    assert demo.run("--fresh") == 1
    assert "has other things in it" in demo.told()
    assert (tmp_path / "thesis.tex").read_text() == "all of my work"


@pytest.mark.parametrize("arguments", [("--datasets", "3"), ("--port", "web")])
def test_wrong_arguments_are_told(arguments):
    ended = subprocess.run(
        [sys.executable, "-m", "testbed", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert arguments[0] in ended.stderr
