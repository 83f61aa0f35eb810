"""What comes next in a sequence: pure, from where it stands and how its program ended to what is to be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from scheduler.models import Kind, OnFailure, Phase


@dataclass(frozen=True)
class Step:
    """One step as far as the order depends on it; ``wait`` in seconds."""

    kind: str
    on_failure: str = OnFailure.CONTINUE
    wait: float = 0.0


@dataclass(frozen=True)
class Standing:
    """Where a sequence stands: at the step with index ``position``; ``until`` in UTC seconds, end of a wait (None: no wait)."""

    phase: str
    position: int = 0
    until: float | None = None
    rounds: int = 0
    failures: int = 0


class Outcome(Enum):
    """What became of the program that a sequence waits for."""

    OPEN, DONE, FAILED = "open", "done", "failed"


@dataclass(frozen=True)
class Pauses:
    """Seconds before a failed step is tried again: the first, and the longest."""

    first: float
    longest: float

    def after(self, failures: int) -> float:
        """The pause after so many failures one after the other."""
        return float(min(self.longest, self.first * 2 ** min(failures - 1, 30)))


@dataclass(frozen=True)
class Next:
    """The new standing; ``start``: whether the step at its position is to be started; ``notify``: whether to tell of the failure."""

    standing: Standing
    start: bool = False
    notify: bool = False


def started(standing: Standing, steps: int, *, restart: bool, has_program: bool) -> Standing:
    """A sequence that is started: from the first step, or where it stopped, with the program that it had begun there."""
    if restart or standing.position >= steps:
        return Standing(Phase.READY, 0, None, standing.rounds, 0)
    return Standing(Phase.RUNNING if has_program else Phase.READY, standing.position, None, standing.rounds, 0)


def after(standing: Standing, steps: Sequence[Step], outcome: Outcome, now: float, pauses: Pauses) -> Next:
    """What is next, at ``now`` (UTC seconds); the same standing when there is nothing to do yet."""
    if standing.phase == Phase.RUNNING:
        if outcome is Outcome.OPEN:
            return Next(standing)
        if outcome is Outcome.DONE:
            return Next(_moved(replace(standing, failures=0), steps))
        return _failed(standing, steps, now, pauses)
    if standing.phase in (Phase.WAITING, Phase.PAUSED) and now < (standing.until or 0):
        return Next(standing)
    if standing.phase == Phase.WAITING:
        return Next(_moved(standing, steps))
    if standing.phase == Phase.PAUSED:
        return Next(replace(standing, phase=Phase.READY, until=None))
    if standing.phase != Phase.READY or not steps:
        return Next(standing)
    return _begun(standing, steps[standing.position], now)


def _begun(standing: Standing, step: Step, now: float) -> Next:
    if step.kind == Kind.TERMINATE:
        return Next(replace(standing, phase=Phase.ENDED, position=0))
    if step.kind == Kind.WAIT:
        return Next(replace(standing, phase=Phase.WAITING, until=now + step.wait))
    return Next(replace(standing, phase=Phase.RUNNING, until=None), start=True)


def _moved(standing: Standing, steps: Sequence[Step]) -> Standing:
    last = standing.position + 1 >= len(steps)
    position = 0 if last else standing.position + 1
    return replace(standing, phase=Phase.READY, until=None, position=position, rounds=standing.rounds + last)


def _failed(standing: Standing, steps: Sequence[Step], now: float, pauses: Pauses) -> Next:
    failures = standing.failures + 1
    rule = steps[standing.position].on_failure
    if rule == OnFailure.CONTINUE:
        # Not a pause for each: but a sequence whose programs all fail at once must not turn without end.
        moved = _moved(replace(standing, failures=failures), steps)
        if moved.position or failures < len(steps):
            return Next(moved)
        return Next(replace(moved, phase=Phase.PAUSED, until=now + pauses.after(max(1, failures // len(steps)))))
    position = 0 if rule == OnFailure.RESTART else standing.position
    until = now + pauses.after(failures)
    return Next(replace(standing, phase=Phase.PAUSED, position=position, until=until, failures=failures), notify=True)
