"""Runs as components make them, on a real Redis and the tests' database."""

from __future__ import annotations

import time

import pytest

from inventory.errors import TurnLost
from scheduler import applock, fence, life
from scheduler.errors import ApplicationLocked, RunKilled, TurnBusy
from scheduler.models import Run, RunLog, State
from scheduler.runs import reader, writer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]


def _write(**options):
    return writer("detox", {"partition": "Physics"}, "alice", **{"wait": 0, **options})


def test_a_run_is_on_record_with_what_it_was_and_how_it_ended():
    with _write(service="web") as run:
        row = Run.objects.get(pk=run.id)
        assert (row.state, row.writes, row.token) == (State.RUN, True, run.token)
        assert life.is_alive("run", run.id)
    row.refresh_from_db()
    assert (row.application, row.arguments, row.author, row.service) == (
        "detox",
        {"partition": "Physics"},
        "alice",
        "web",
    )
    assert row.state == State.DONE
    assert row.queued_at <= row.started_at <= row.ended_at
    assert not life.is_alive("run", run.id)


def test_a_run_that_fails_says_why_and_passes_its_turn_on():
    with pytest.raises(ZeroDivisionError), _write() as run:
        1 / 0  # noqa: B018
    row = Run.objects.get(pk=run.id)
    assert (row.state, row.error) == (State.FAILED, "ZeroDivisionError: division by zero")
    with _write() as second:
        assert second.token > run.token


def test_a_second_writer_waits_or_is_told_who_writes():
    with _write() as run:
        with pytest.raises(TurnBusy, match=rf"detox \(run {run.id} of alice"), _write():
            pass
        assert Run.objects.latest("id").state == State.FAILED


def test_readers_wait_for_nobody():
    with _write(), reader("statistics", {}, "bob") as look:
        assert Run.objects.get(pk=look.id).writes is False


def test_tokens_grow_even_when_redis_lost_its_memory(empty_redis):
    tokens = []
    for _ in range(3):
        with _write() as run:
            tokens.append(run.token)
        empty_redis.flushall()
    assert tokens == sorted(set(tokens))


def test_a_change_set_carries_the_run_and_its_token():
    with _write() as run:
        changes = run.changes("detox-7-T2_X")
        assert (changes.author, changes.token, changes.service) == ("alice", run.token, "detox")
        assert (changes.run, changes.transaction) == (str(run.id), "detox-7-T2_X")
        assert run.changes().transaction != run.changes().transaction


def test_a_change_set_of_another_turn_is_not_sent():
    with _write() as first:
        changes = first.changes()
    with _write() as second, pytest.raises(ValueError, match="token"):
        second.commit(changes)


def test_a_writer_whose_turn_passed_on_notices():
    with _write() as run:
        run.check()
        fence.next_token()
        with pytest.raises(TurnLost, match="another writer"):
            run.check()


def test_the_log_is_bounded_and_says_so(monkeypatch):
    monkeypatch.setenv("DYNAMO_SCHEDULER_LOG_LINES", "3")
    with _write() as run:
        for number in range(5):
            run.log(f"line {number}")
    texts = list(RunLog.objects.filter(run=run.id).values_list("text", flat=True))
    assert texts == ["line 0", "line 1", "(the log ends here: it reached its limit)"]


def test_an_operator_ends_a_run_at_its_next_step(monkeypatch):
    monkeypatch.setenv("DYNAMO_SCHEDULER_LEASE", "0.4")
    with pytest.raises(RunKilled, match="ended by carol"), _write() as run:
        _go_on_until_ended_by("carol", run)
    row = Run.objects.get(pk=run.id)
    assert row.state == State.KILLED
    assert "carol" in row.error


def _go_on_until_ended_by(operator, run):
    Run.objects.filter(pk=run.id).update(killed_by=operator)
    life.kill("run", run.id)
    for _ in range(100):
        time.sleep(0.05)
        run.check()


def test_a_stopped_application_does_not_start_and_says_who_stopped_it():
    applock.lock("detox", "bob", note="changing disks")
    with pytest.raises(ApplicationLocked, match=r"bob since .*: changing disks"), _write():
        pass
    with pytest.raises(ApplicationLocked), reader("detox", {}, "alice"):
        pass
    assert not Run.objects.exists()
    applock.unlock("detox", "bob")
    with _write():
        pass


def test_who_stopped_an_application_may_run_it_by_hand():
    applock.lock("detox", "alice")
    with _write():
        pass
