"""What happens in one schedule, drawn from its seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = ("kill", "power", "pause", "disk", "connection", "answer")
"""``answer``: the connection is lost after COMMIT was done, before its answer."""
FAMILIES = ("append", "apply", "publish", "follow", "checkpoint", "history")
ACTIONS = ("commit", "group", "follow", "checkpoint", "history", "recover", "resend", "refused", "stale")

TRANSACTIONS = 6
"""Change sets of one schedule."""


@dataclass(frozen=True)
class Fault:
    """``kind`` strikes the ``entry``-th time that the process goes through steps of ``family``, at about ``point``.

    Steps have as many points as they have effects to strike at; ``point`` is taken modulo that number where it is known.
    """

    kind: str
    family: str
    entry: int
    point: int


@dataclass(frozen=True)
class Round:
    """The life of one server: ``actions`` in order; ``jumps``: seconds that the clock is off at each reading."""

    actions: tuple[str, ...]
    fault: Fault
    jumps: tuple[int, ...]
    clean_end: bool


@dataclass(frozen=True)
class Schedule:
    """``part_bytes``, ``step_rows``: small enough that records take several parts and steps of the tables."""

    seed: int
    rounds: tuple[Round, ...]
    part_bytes: int
    step_rows: int
    senders: int


def possible(kind: str, family: str) -> bool:
    """Versions and checkpoints are written to files only; few steps commit."""
    if kind == "answer":
        return family in ("append", "follow")
    return kind != "connection" or family in ("append", "apply", "follow", "history")


COMBINATIONS = tuple((kind, family) for kind in KINDS for family in FAMILIES if possible(kind, family))


def drawn(seed: int) -> Schedule:
    """The schedule of ``seed``. The first fault goes through all combinations as seeds go on."""
    draw = random.Random(f"schedule {seed}")
    faults = [COMBINATIONS[seed % len(COMBINATIONS)]]
    if faults[0][0] == "pause" or draw.random() < 0.3:
        # Another server leads while the first is paused; it has a fault of its own, but does not sleep too.
        faults.append(draw.choice([one for one in COMBINATIONS if one[0] != "pause"]))
    rounds = tuple(_round(draw, kind, family) for kind, family in faults)
    part_bytes, step_rows = draw.choice((300, 2000, 2**22)), draw.choice((1, 4, 20_000))
    return Schedule(seed, rounds, part_bytes, step_rows, draw.choice((1, 2, 3)))


def _round(draw: random.Random, kind: str, family: str) -> Round:
    commits = [draw.choice(("commit", "group")) for _ in range(2)]
    middle = [*commits, "follow", "checkpoint", "history", draw.choice(ACTIONS)]
    draw.shuffle(middle)
    # What the fault needs comes again at the end, so that it strikes at the latest then.
    actions = ("commit", *middle, "commit", "follow", "checkpoint", "history", "recover")
    entry = draw.choice((0, 1, 2)) if family in ("append", "publish") else 0
    jumps = tuple(draw.choice((0, 0, 1, 5, -5, 3600, -86_400 * 400)) for _ in range(5))
    return Round(
        actions,
        Fault(kind, family, entry, draw.randrange(12 if family in ("append", "apply") else 60)),
        jumps,
        draw.random() < 0.5,
    )
