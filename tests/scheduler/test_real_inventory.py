"""Runs and a real inventory server, each in its own process."""

from __future__ import annotations

import json
import os
import signal

import pytest
from django.conf import settings

from inventory import client
from scheduler.models import Run, State
from scheduler.runs import reader, writer
from tests.scheduler.workers import MANAGE, QUICK, lines, running, until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def environment(child_environment, empty_redis):
    return child_environment(**QUICK)


@pytest.fixture
def server(environment, tmp_path):
    # This process remembers what it committed to the server of the test before.
    client._server.cache_clear()
    log = tmp_path / "inventory.log"
    with running([*MANAGE, "inventory_server"], environment, log):
        until(lambda: "server ready" in log.read_text(), 30, log)
        yield settings.INVENTORY_URL


def test_a_paused_writers_late_commit_is_refused_by_the_server(server, environment, tmp_path):
    path, go = tmp_path / "probe", tmp_path / "go"
    arguments = json.dumps({"path": str(path), "go": str(go)})
    command = [*MANAGE, "run_task", "probe.late", "--arguments", arguments]
    with running(command, environment, tmp_path / "log") as late:
        until(lambda: lines(path), log=tmp_path / "log")
        os.kill(late.pid, signal.SIGSTOP)
        with writer("next", {}, "bob", wait=10) as run:
            # It wakes up before its successor has committed anything.
            go.touch()
            os.kill(late.pid, signal.SIGCONT)
            assert late.wait(15) == 1
            commit = run.commit(run.changes().put("sites", [{"name": "T2_NEXT"}]))
            assert sorted(run.snapshot().frame("sites")["name"]) == ["T2_EARLY", "T2_NEXT"]
    lost, done = Run.objects.order_by("id")
    assert (lost.state, done.state) == (State.FAILED, State.DONE)
    assert "is older than" in lost.error
    assert (done.version_read, done.versions_written) == (commit.version, [commit.version])


def test_a_writer_sees_everything_that_was_committed_before_it(server):
    for number in range(3):
        with writer("add", {}, "alice", wait=5) as run:
            assert run.snapshot().frame("sites").height == number
            run.commit(run.changes().put("sites", [{"name": f"T2_{number}"}]))
    with reader("look", {}, "bob") as run:
        assert run.snapshot().version == client.status()["version"] == 3
