"""What comes next in a sequence."""

from __future__ import annotations

import pytest

from scheduler.models import Kind, Phase
from scheduler.sequencing.engine import Outcome, Pauses, Standing, Step, after, started

PAUSES = Pauses(10, 60)
RUN = [Step(Kind.RUN, "|"), Step(Kind.RUN, "&"), Step(Kind.RUN, "^"), Step(Kind.WAIT, wait=100)]


def at(phase: Phase, position: int = 0, **more: float) -> Standing:
    return Standing(phase, position, **more)


def test_steps_follow_each_other_and_the_last_is_followed_by_the_first():
    standing, seen = at(Phase.READY), []
    for now in range(0, 2000, 50):
        result = after(standing, RUN, Outcome.DONE, now, PAUSES)
        standing = result.standing
        if result.start:
            seen.append(standing.position)
    assert seen[:7] == [0, 1, 2, 0, 1, 2, 0]
    assert standing.rounds > 1


def test_a_program_that_goes_on_is_waited_for():
    running = at(Phase.RUNNING, 1)
    assert after(running, RUN, Outcome.OPEN, 0, PAUSES).standing == running


@pytest.mark.parametrize(
    ("position", "phase", "next_position", "notify"),
    [(0, Phase.READY, 1, False), (1, Phase.PAUSED, 1, True), (2, Phase.PAUSED, 0, True)],
)
def test_a_failure_is_followed_by_what_its_rule_says(position, phase, next_position, notify):
    result = after(at(Phase.RUNNING, position), RUN, Outcome.FAILED, 1000, PAUSES)
    assert (result.standing.phase, result.standing.position, result.notify) == (phase, next_position, notify)
    assert result.standing.failures == 1


def test_failing_again_and_again_is_tried_again_ever_later():
    standing, pauses = at(Phase.RUNNING, 1), []
    for _ in range(5):
        standing = after(standing, RUN, Outcome.FAILED, 0, PAUSES).standing
        pauses.append(standing.until)
        standing = Standing(Phase.RUNNING, 1, None, 0, standing.failures)
    assert pauses == [10, 20, 40, 60, 60]


def test_a_sequence_all_of_whose_programs_fail_does_not_turn_without_end():
    steps, standing, starts = [Step(Kind.RUN, "|")] * 2, at(Phase.READY), 0
    for _ in range(100):
        result = after(standing, steps, Outcome.FAILED, 0, PAUSES)
        standing, starts = result.standing, starts + result.start
    assert (starts, standing.phase) == (2, Phase.PAUSED)


def test_terminate_ends_it():
    assert after(at(Phase.READY), [Step(Kind.TERMINATE)], Outcome.DONE, 0, PAUSES).standing.phase == Phase.ENDED


def test_started_again_it_goes_on_or_begins_as_it_says():
    stopped = at(Phase.STOPPED, 2, failures=3)
    assert started(stopped, 4, restart=False, has_program=False) == at(Phase.READY, 2)
    assert started(stopped, 4, restart=False, has_program=True) == at(Phase.RUNNING, 2)
    assert started(stopped, 4, restart=True, has_program=False) == at(Phase.READY, 0)
    # Steps were taken out meanwhile.
    assert started(stopped, 2, restart=False, has_program=False) == at(Phase.READY, 0)
