"""What died without saying so is put right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from scheduler import jobs, life, reconcile
from scheduler.models import Job, Run, State
from scheduler.settings import SchedulerSettings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
SETTINGS = SchedulerSettings(lease=0.0, job_lease=0.0, attempts=2)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def send(sent):
    return lambda *order: sent.append(order)


def _run(**values):
    run = Run.objects.create(application="detox", author="a", host="h", pid=1, state=State.RUN, **values)
    Run.objects.update(queued_at=timezone.now() - timedelta(minutes=5))
    return run


def _job(message, **values):
    return Job.objects.create(
        **{"task": "detox.cycle", "arguments": {"partition": "P"}, "key": message, "message": message,
           "state": State.RUN, **values}
    )  # fmt: skip


def test_a_run_without_signs_of_life_is_marked_and_a_living_one_is_not(monkeypatch):
    monkeypatch.setattr(life, "remembers", lambda seconds: True)
    dead, living = _run(), _run()
    life.give("run", living.pk, 60)
    assert reconcile.lost_runs(SETTINGS) == 1
    dead.refresh_from_db()
    living.refresh_from_db()
    assert (dead.state, living.state) == (State.KILLED, State.RUN)


def test_nobody_is_declared_dead_by_a_redis_that_has_just_started():
    run = _run()
    assert reconcile.lost_runs(SchedulerSettings(lease=10**6)) == 0
    run.refresh_from_db()
    assert run.state == State.RUN


@pytest.mark.slow
def test_nobody_is_declared_dead_by_a_redis_that_was_emptied():
    from scheduler.connection import connect
    from tests.scheduler.workers import until

    until(lambda: life.remembers(0), 3)
    run = _run()
    life.give("run", run.pk, 60)
    connect().flushdb()
    assert reconcile.lost_runs(SETTINGS) == 0
    until(lambda: reconcile.lost_runs(SETTINGS) == 1, 3)


def test_a_job_whose_worker_is_gone_is_sent_again(sent, send):
    dead, living = _job("dead"), _job("living")
    jobs.lease_of("living", "living", 60).take()
    Job.objects.update(queued_at=timezone.now() - timedelta(minutes=5))
    until_remembered(lambda: reconcile.reconcile(SETTINGS, send))
    assert sent == [("detox.cycle", {"partition": "P"}, 2)]
    dead.refresh_from_db()
    living.refresh_from_db()
    assert (dead.state, dead.again, living.state) == (State.KILLED, False, State.RUN)
    reconcile.reconcile(SETTINGS, send)
    assert len(sent) == 1


def test_a_job_under_which_workers_keep_dying_is_given_up(sent, send):
    job = _job("deadly", state=State.KILLED, again=True, attempt=2)
    assert reconcile.send_again(SETTINGS, send) == 0
    job.refresh_from_db()
    assert not sent
    assert not job.again


def test_what_ended_long_ago_is_forgotten_and_done_jobs_sooner():
    now = timezone.now()
    old, recent = now - timedelta(days=100), now - timedelta(days=20)
    for ended in (old, recent):
        Run.objects.create(application="detox", author="a", host="h", pid=1, state=State.DONE, ended_at=ended)
        _job(f"done {ended}", state=State.DONE, ended_at=ended)
        _job(f"failed {ended}", state=State.FAILED, ended_at=ended)
    assert reconcile.forget(SchedulerSettings()) == 4
    assert Run.objects.get().ended_at == recent
    assert [(job.state, job.ended_at) for job in Job.objects.all()] == [(State.FAILED, recent)]


def until_remembered(act):
    """Redis counts its uptime in whole seconds."""
    from tests.scheduler.workers import until

    until(lambda: life.remembers(0), 3)
    act()
