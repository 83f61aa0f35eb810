"""Operators look at runs and end them, stop applications, and edit schedules."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from scheduler import applock, life
from scheduler.models import Job, Run, RunLog, State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
RUNS = "/admin/scheduler/run/"


def _run(**values):
    return Run.objects.create(
        **{"application": "detox", "author": "a", "host": "h", "pid": 1, "state": State.RUN, **values}
    )


def _end(client, *runs):
    return client.post(RUNS, {"action": "end_selected", "_selected_action": [run.pk for run in runs]}, follow=True)


def test_runs_are_listed_filtered_and_shown_with_their_log(admin_client):
    run = _run(error="the disk is full")
    RunLog.objects.create(run=run, text="began with 5 sites")
    _run(application="dealer")
    assert admin_client.get(RUNS).status_code == 200
    assert "the disk is full" in admin_client.get(f"{RUNS}?application=detox").content.decode()
    assert "the disk is full" not in admin_client.get(f"{RUNS}?application=dealer").content.decode()
    assert "began with 5 sites" in admin_client.get(f"{RUNS}{run.pk}/change/").content.decode()


def test_history_cannot_be_changed_by_hand(admin_client):
    run = _run()
    assert admin_client.get(f"{RUNS}add/").status_code == 403
    assert admin_client.post(f"{RUNS}{run.pk}/change/", {"author": "b"}).status_code == 403
    assert admin_client.post(f"{RUNS}{run.pk}/delete/", {"post": "yes"}).status_code == 403


def test_an_operator_ends_a_run_with_its_job(admin_client):
    job = Job.objects.create(task="detox.cycle", key="k", message="m", state=State.RUN)
    run, ended = _run(job=job), _run(state=State.DONE, ended_at=timezone.now())
    page = _end(admin_client, run, ended)
    assert "1 were asked to end; 1 had ended already." in page.content.decode()
    run.refresh_from_db()
    assert run.killed_by == "admin"
    assert life.is_killed("run", run.pk)
    assert life.is_killed("job", job.pk)
    assert not life.is_killed("run", ended.pk)


def test_who_may_only_look_ends_nothing(client):
    viewer = User.objects.create_user("viewer", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_run"))
    client.force_login(viewer)
    run = _run()
    assert client.get(RUNS).status_code == 200
    _end(client, run)
    assert not life.is_killed("run", run.pk)


def test_without_redis_ending_says_so(admin_client, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path / 'none.sock'}"
    assert "Redis does not answer" in _end(admin_client, _run()).content.decode()


def test_an_application_is_stopped_by_whom_the_row_says(admin_client):
    form = {"application": "detox", "service": "", "note": "disks"}
    admin_client.post("/admin/scheduler/applicationlock/add/", form)
    assert applock.held("detox").user == "admin"


def test_jobs_and_locks_and_schedules_have_pages(admin_client):
    job = Job.objects.create(task="detox.cycle", key="k", message="m", output="12 sites")
    assert "12 sites" in admin_client.get(f"/admin/scheduler/job/{job.pk}/change/").content.decode()
    for page in ("scheduler/job", "scheduler/applicationlock", "django_celery_beat/periodictask",
                 "django_celery_beat/intervalschedule", "django_celery_beat/crontabschedule"):  # fmt: skip
        assert admin_client.get(f"/admin/{page}/").status_code == 200, page


def test_a_schedule_is_edited(admin_client):
    interval = IntervalSchedule.objects.create(every=30, period=IntervalSchedule.SECONDS)
    row = PeriodicTask.objects.create(name="scheduler.reconcile", task="scheduler.reconcile", interval=interval)
    address = f"/admin/django_celery_beat/periodictask/{row.pk}/change/"
    assert admin_client.get(address).status_code == 200
    form = {"name": row.name, "task": row.task, "regtask": row.task, "enabled": "", "interval": interval.pk,
            "args": "[]", "kwargs": json.dumps({}), "headers": "{}"}  # fmt: skip
    answer = admin_client.post(address, form)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    row.refresh_from_db()
    assert not row.enabled
