"""Real processes contend for the turn, are killed and paused."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
import redis

from inventory.changes import ChangeSet
from inventory.errors import TurnLost
from scheduler.connection import connect
from scheduler.models import Run, State
from scheduler.reconcile import lost_runs
from scheduler.runs import writer
from scheduler.settings import scheduler_settings
from tests.scheduler.workers import MANAGE, QUICK, lines, running, until
from tests.services.servers import start_redis

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "probe"


@pytest.fixture
def cycle(child_environment, empty_redis, path, tmp_path):
    """Call it for a running program that takes the turn for so many seconds."""

    def start(seconds):
        arguments = json.dumps({"path": str(path), "seconds": seconds})
        command = [*MANAGE, "run_task", "probe.cycle", "--arguments", arguments]
        return running(command, child_environment(**QUICK), tmp_path / "log")

    return start


def test_contenders_never_overlap(cycle, path):
    with cycle(0.05) as a, cycle(0.05) as b, cycle(0.05) as c, cycle(0.05) as d, cycle(0.05) as e:
        assert [process.wait(30) for process in (a, b, c, d, e)] == [0] * 5
    found = lines(path)
    assert [line["what"] for line in found] == ["began", "ended"] * 5
    tokens = [line["token"] for line in found[::2]]
    assert tokens == [line["token"] for line in found[1::2]] == sorted(set(tokens))


def test_a_killed_writers_turn_passes_on_after_its_lease(cycle, path, monkeypatch):
    with cycle(60) as holder:
        until(lambda: lines(path))
        holder.kill()
        killed = time.monotonic()
        with writer("probe", {}, "next", wait=10) as run:
            assert 0.5 < time.monotonic() - killed < 4
            assert run.token > lines(path)[0]["token"]
    monkeypatch.setenv("DYNAMO_SCHEDULER_LEASE", "1")
    until(lambda: lost_runs(scheduler_settings()) == 1)
    dead = Run.objects.earliest("id")
    assert (dead.state, dead.error) == (State.KILLED, "its process is gone")


def test_a_paused_writer_finds_its_turn_lost(cycle, path):
    with cycle(1) as holder:
        until(lambda: lines(path))
        os.kill(holder.pid, signal.SIGSTOP)
        with writer("probe", {}, "next", wait=10):
            os.kill(holder.pid, signal.SIGCONT)
            assert holder.wait(10) == 1
    paused = Run.objects.earliest("id")
    assert (paused.state, len(lines(path))) == (State.FAILED, 1)
    assert paused.error.startswith("inventory.errors.TurnLost")


def test_a_paused_writers_late_commit_is_refused_even_before_its_successor_commits(inventory, empty_redis, monkeypatch):
    monkeypatch.setenv("DYNAMO_SCHEDULER_LEASE", "0.5")
    with writer("late", {}, "alice", wait=5) as late:
        late.commit(late.changes().put("sites", [{"name": "T2_A"}]))
        # What a process that stands still does: nothing, not even signs of life.
        late._tenure._pulse.stop()
        with writer("next", {}, "bob", wait=5) as successor:
            with pytest.raises(TurnLost):
                late.commit(late.changes().put("sites", [{"name": "T2_LATE"}]))
            with pytest.raises(TurnLost):
                inventory.commit(ChangeSet("alice", late.token).put("sites", [{"name": "T2_LATE"}]))
            successor.commit(successor.changes().put("sites", [{"name": "T2_B"}]))
            assert sorted(successor.snapshot().frame("sites")["name"]) == ["T2_A", "T2_B"]


def test_waiters_survive_a_restart_of_redis_that_forgets_everything(services, cycle, path, empty_redis):
    with cycle(8) as holder:
        until(lambda: lines(path))
        with cycle(0.1) as waiter:
            until(lambda: empty_redis.zcard("dynamo:turn:queue") == 1)
            services.stop("redis")
            time.sleep(0.5)
            start_redis(services, services.directory / "redis.sock")
            until(_redis_is_back)
            assert (holder.wait(20), waiter.wait(20)) == (0, 0)
    assert [line["what"] for line in lines(path)] == ["began", "ended"] * 2
    tokens = [line["token"] for line in lines(path)]
    assert tokens == sorted(tokens)


def _redis_is_back():
    try:
        return connect().ping()
    except redis.ConnectionError:
        return False
