"""Operators stop applications."""

import pytest

from scheduler import applock
from scheduler.models import Run, State

pytestmark = pytest.mark.django_db


def test_the_first_to_ask_holds_and_the_others_wait_in_order():
    assert applock.held("detox") is None
    assert applock.lock("detox", "alice", note="disks").user == "alice"
    assert applock.lock("detox", "bob").user == "alice"
    assert applock.held("dealer") is None
    assert applock.unlock("detox", "alice").user == "bob"
    assert applock.unlock("detox", "bob") is None


def test_locking_again_goes_deeper_and_each_unlock_goes_back_one():
    for _ in range(2):
        applock.lock("detox", "alice", "web")
    applock.lock("detox", "alice", "cron")
    assert applock.held("detox").depth == 2
    assert applock.unlock("detox", "alice", "web").depth == 1
    assert applock.unlock("detox", "alice", "web").service == "cron"


def test_nobody_unlocks_for_another():
    applock.lock("detox", "alice")
    assert applock.unlock("detox", "bob").user == "alice"


def test_what_runs_now_is_listed_oldest_first():
    for state in (State.RUN, State.DONE, State.NEW):
        Run.objects.create(application=state.value, author="a", host="h", pid=1, state=state)
    assert [run.application for run in applock.current()] == ["run", "new"]
