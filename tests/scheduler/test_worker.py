"""A real worker process does real jobs, dies, and is replaced."""

from __future__ import annotations

import os
import time

import pytest
from celery import current_app

from scheduler import applock, life, schedules
from scheduler.models import Job, Run, RunLog, State
from scheduler.schedules import Schedule
from tests.scheduler.workers import MANAGE, QUICK, lines, running, until, worker
from tests.services.servers import start_redis

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def environment(child_environment, empty_redis):
    return child_environment(**QUICK)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "worker.log"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "probe"


def _send(task, path=None, **arguments):
    return current_app.send_task(task, kwargs=arguments if path is None else {"path": str(path), **arguments})


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_cycle_runs_in_a_process_of_its_own(environment, log, path):
    with worker(environment, log) as process:
        assert life.living("worker")
        for count in (1, 2):
            _send("probe.cycle", path=path)
            until(lambda wanted=count: Job.objects.filter(state=State.DONE).count() == wanted, log=log)
        _send("probe.small", path=path)
        until(lambda: len(lines(path)) == 5, log=log)
        assert process.stop() == 0
    first, _, second, _, small = (line["pid"] for line in lines(path))
    assert len({first, second, small, process.process.pid}) == 3
    assert small == process.process.pid
    assert not life.living("worker")
    run = Run.objects.latest("id")
    assert (run.state, run.job.state, run.job.pid) == (State.DONE, State.DONE, run.pid)
    assert RunLog.objects.get(run=run).text == "sum 499500"


def test_a_job_that_fails_says_why_and_what_it_wrote(environment, log):
    with worker(environment, log):
        _send("probe.broken")
        until(lambda: Job.objects.filter(state=State.FAILED).exists(), log=log)
    job = Job.objects.get()
    assert job.error == "ended with status 1: ValueError: the disk is made of cheese"
    assert "this is what it said before" in job.output


def test_jobs_that_take_too_long_are_ended_even_against_their_will(environment, log, path):
    with worker(environment, log):
        _send("probe.limited", path=path)
        _send("probe.stubborn", path=path)
        until(lambda: Job.objects.filter(state=State.KILLED).count() == 2, log=log)
    assert set(Job.objects.values_list("error", flat=True)) == {"it took longer than its limit of 1 s"}
    assert not any(_alive(line["pid"]) for line in lines(path))


def test_the_same_cycle_does_not_run_twice_at_once(environment, log, path):
    with worker(environment, log):
        for _ in range(3):
            _send("probe.cycle", path=path, seconds=1.5)
        until(lambda: len(lines(path)) == 2, log=log)
        until(lambda: "job goes on already" in log.read_text(), log=log)
    assert Job.objects.count() == 1


def test_a_killed_workers_job_is_done_by_the_next(environment, log, path):
    with worker(environment, log) as first:
        _send("probe.cycle", path=path, seconds=3)
        until(lambda: lines(path), log=log)
        first.kill()
        until(lambda: not _alive(lines(path)[0]["pid"]), log=log)
    assert Job.objects.get().state == State.RUN
    with worker(environment, log):
        _send_reconcile_until(lambda: len(lines(path)) == 3, log)
        until(lambda: Job.objects.filter(state=State.DONE).exists(), log=log)
    lost, done = Job.objects.order_by("id")
    assert (lost.state, lost.error, done.attempt) == (State.KILLED, "its worker is gone", 2)
    assert lines(path)[1]["token"] > lines(path)[0]["token"]


def test_a_worker_told_to_end_ends_its_children_and_the_next_does_their_work(environment, log, path):
    with worker(environment, log) as first:
        _send("probe.cycle", path=path, seconds=3)
        until(lambda: lines(path), log=log)
        assert first.stop() == 0
    assert not _alive(lines(path)[0]["pid"])
    assert Run.objects.get().state == State.KILLED
    with worker(environment, log):
        until(lambda: [line["what"] for line in lines(path)] == ["began", "began", "ended"], log=log)


def test_an_operator_ends_a_job(environment, log, path):
    with worker(environment, log):
        _send("probe.cycle", path=path, seconds=30)
        until(lambda: lines(path), log=log)
        life.kill("job", Job.objects.get().pk)
        until(lambda: Job.objects.get().state == State.KILLED, log=log)
    assert Job.objects.get().error == "an operator ended it"
    assert not Job.objects.get().again
    assert Run.objects.get().state == State.KILLED


def test_jobs_of_a_stopped_application_do_not_start_and_say_who_stopped_it(environment, log, path):
    applock.lock("probe", "carol", note="new disks")
    with worker(environment, log):
        _send("probe.cycle", path=path)
        until(lambda: Job.objects.filter(state=State.FAILED).exists(), log=log)
        assert "probe is stopped by carol" in Job.objects.get().error
        applock.unlock("probe", "carol")
        _send("probe.cycle", path=path)
        until(lambda: Job.objects.filter(state=State.DONE).exists(), log=log)
    assert len(lines(path)) == 2


def test_beat_sends_what_the_schedules_say(environment, log, path, tmp_path):
    every = [Schedule("probe.small", 1, {"path": str(path)}), Schedule("probe.broken", 1, enabled=False)]
    schedules.write(every)
    with worker(environment, log), running([*MANAGE, "beat"], environment, tmp_path / "beat.log") as beat:
        until(lambda: len(lines(path)) >= 3, 20, tmp_path / "beat.log")
        beat.terminate()
        assert beat.wait(15) == 0
    assert not Job.objects.exists()


def test_a_worker_goes_on_when_redis_comes_back(environment, log, path, services):
    with worker(environment, log):
        _send("probe.cycle", path=path, seconds=3)
        until(lambda: lines(path), log=log)
        services.stop("redis")
        time.sleep(1)
        start_redis(services, services.directory / "redis.sock")
        until(lambda: Job.objects.filter(state=State.DONE).exists(), log=log)
        until(lambda: _sent_again(path), 30, log)
    assert Job.objects.count() == 1


def _sent_again(path):
    _send("probe.small", path=path)
    time.sleep(0.5)
    return len(lines(path)) > 2


def _send_reconcile_until(happens, log):
    def look():
        _send("scheduler.reconcile")
        time.sleep(0.3)
        return happens()

    until(look, 20, log)
