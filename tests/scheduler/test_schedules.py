"""Components propose schedules; operators have the last word."""

from __future__ import annotations

import json

import pytest
from celery import current_app
from django.core.management import call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from scheduler import schedules
from scheduler.schedules import Schedule

pytestmark = pytest.mark.django_db


def _setup(capsys):
    call_command("setup_schedules", "--json")
    return json.loads(capsys.readouterr().out)


def test_what_components_declare_is_written_once(capsys):
    first = _setup(capsys)
    assert "scheduler.reconcile" in first["added"]
    assert first["added"] == first["declared"]
    row = PeriodicTask.objects.get(name="scheduler.reconcile")
    assert (row.interval.every, row.interval.period, row.expire_seconds) == (30, "seconds", 60)
    assert _setup(capsys)["added"] == []


def test_operators_edits_stay(capsys):
    _setup(capsys)
    hour, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.filter(name="scheduler.reconcile").update(interval=hour, enabled=False)
    _setup(capsys)
    row = PeriodicTask.objects.get(name="scheduler.reconcile")
    assert (row.interval, row.enabled) == (hour, False)


def test_one_task_has_a_schedule_for_each_of_its_arguments():
    both = [Schedule("detox.cycle", 60, {"partition": name}, enabled=name == "A") for name in ("A", "B")]
    assert schedules.write(both) == ["detox.cycle (partition=A)", "detox.cycle (partition=B)"]
    rows = PeriodicTask.objects.filter(task="detox.cycle").order_by("name")
    assert [(json.loads(row.kwargs), row.enabled) for row in rows] == [
        ({"partition": "A"}, True),
        ({"partition": "B"}, False),
    ]


def test_every_declared_task_is_one_that_workers_know():
    current_app.loader.import_default_modules()
    assert {schedule.task for schedule in schedules.declared()} <= set(current_app.tasks)
