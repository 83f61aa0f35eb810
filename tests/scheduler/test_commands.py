"""The commands of the scheduler, and tasks called by hand."""

from __future__ import annotations

import dataclasses
import time

import pytest
from django.core.management import CommandError, call_command

from scheduler import history, jobs
from scheduler.settings import SchedulerSettings, scheduler_settings
from tests.scheduler import probe_tasks
from tests.scheduler.workers import lines


@pytest.fixture(autouse=True)
def no_signal_handlers(monkeypatch):
    """Commands in the tests' own process must not change what ends it."""
    monkeypatch.setattr("scheduler.lifeline.end_on_sigterm", lambda: None)


def test_a_task_is_tried_by_hand(tmp_path):
    call_command("run_task", "probe.small", "--arguments", f'{{"path": "{tmp_path / "probe"}"}}')
    assert [line["what"] for line in lines(tmp_path / "probe")] == ["MainThread"]


def test_an_unknown_task_is_refused_with_those_there_are():
    with pytest.raises(CommandError, match=r"no task 'probe.nothing'; there are .*probe.small.*scheduler.reconcile"):
        call_command("run_task", "probe.nothing", "--arguments", "{}")


@pytest.mark.parametrize(("text", "told"), [("{", "not JSON"), ("[1]", "have to be a JSON object")])
def test_arguments_that_are_none_are_refused(text, told):
    with pytest.raises(CommandError, match=told):
        call_command("run_task", "probe.small", "--arguments", text)


def test_a_task_that_is_called_directly_is_just_a_function(tmp_path):
    probe_tasks.small(str(tmp_path / "probe"))
    assert len(lines(tmp_path / "probe")) == 1


def test_the_same_work_has_the_same_key_however_it_is_asked_for():
    def cycle(partition, dry_run=False):
        """As a task's function."""

    def key(*args, **kwargs):
        return jobs.Order("detox.cycle", jobs.arguments_by_name(cycle, args, kwargs), "m", 1, 1.0).key

    assert key("P", True) == key(dry_run=True, partition="P") == key("P", dry_run=True)
    assert len({key("P"), key("Q"), key("P", True)}) == 3
    assert jobs.Order("detox.start", {}, "m", 1, 1.0).key == "detox.start"
    assert len(key("P" * 10_000)) < 255


@pytest.mark.django_db
def test_settings_come_from_the_environment_before_the_database(monkeypatch):
    monkeypatch.setenv("DYNAMO_SCHEDULER_LEASE", "2.5")
    monkeypatch.setenv("DYNAMO_SCHEDULER_ATTEMPTS", "7")
    assert scheduler_settings() == dataclasses.replace(SchedulerSettings(), lease=2.5, attempts=7)


def test_when_a_task_last_ended_well_is_kept_when_it_fails_later(empty_redis):
    history.note("detox.cycle", time.time() - 3, "done", "")
    history.note("detox.cycle", time.time() - 1, "failed", "the disk is full")
    (last,) = history.last_times()
    assert (last.task, last.state, last.error) == ("detox.cycle", "failed", "the disk is full")
    assert last.done <= last.ended
    assert 0.9 < last.seconds < 3
