"""Sequences, for pages, API and commands: import, export, start, stop, and where each of them and its steps stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.contrib.auth.models import User
from django.db import transaction

from scheduler import applications
from scheduler.errors import ProgramRefused
from scheduler.models import OPEN_STATES, Application, Phase, Sequence, SequenceStep, State
from scheduler.sequencing import advance, classic, engine

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class StepView:
    """One step for people: ``what`` it does, ``state`` of its last program ("": none yet; "now" for the step that waits), which one, when and why it failed."""

    position: int
    kind: str
    what: str
    current: bool
    state: str
    application: int | None
    ended_at: datetime | None
    error: str


@dataclass(frozen=True)
class SequenceView:
    """One sequence for people. ``failing``: the first step whose last program did not end well (None: all is well)."""

    name: str
    owner: str
    enabled: bool
    restart: bool
    phase: str
    until: datetime | None
    rounds: int
    failures: int
    changed_at: datetime
    steps: tuple[StepView, ...]

    @property
    def failing(self) -> StepView | None:
        """The step to look at."""
        return next((step for step in self.steps if step.state in FAILURES), None)


FAILURES = (State.FAILED.value, State.KILLED.value, State.NOT_FOUND.value, State.AUTH_FAILED.value)
"""States of a step's last program that are no success."""


def everything(_owner: str) -> bool:
    """Whoever may read the database sees all there is."""
    return True


def views(names: Iterable[str] = (), sees: Callable[[str], bool] = everything) -> list[SequenceView]:
    """All sequences, or those with these ``names``, in two queries.

    ``sees``: whether of a user of this name arguments and errors are told, too, which may have secrets in them.
    """
    rows = Sequence.objects.select_related("owner").prefetch_related("steps__last").order_by("name")
    chosen = list(names)
    return [_view(row, sees(row.owner.get_username())) for row in (rows.filter(name__in=chosen) if chosen else rows)]


def _view(row: Sequence, inside: bool) -> SequenceView:
    steps = sorted(row.steps.all(), key=lambda step: step.position)
    return SequenceView(
        row.name, row.owner.get_username(), row.enabled, row.restart, row.phase, row.until, row.rounds, row.failures,
        row.changed_at, tuple(_step(step, place == row.position, inside) for place, step in enumerate(steps)),
    )  # fmt: skip


def _step(step: SequenceStep, current: bool, inside: bool) -> StepView:
    last, what = step.last, step.whole if inside else str(step)
    if last is None:
        return StepView(step.position, step.kind, what, current, "", None, None, "")
    error = last.error if inside or not last.error else "failed"
    return StepView(step.position, step.kind, what, current, last.state, last.pk, last.ended_at, error)


def get(name: str) -> Sequence:
    """The sequence with this name. Raises ProgramRefused."""
    row = Sequence.objects.filter(name=name).first()
    if row is None:
        known = ", ".join(Sequence.objects.order_by("name").values_list("name", flat=True)[:20])
        raise ProgramRefused(f"there is no sequence {name!r}; there are {known or 'none'}")
    return row


@transaction.atomic
def import_text(text: str, owner: User, file: str = "<sequences>") -> list[str]:
    """Make the sequences of a classic file, stopped, or give those of the same names and owner its steps; their names.

    All or none. Raises ProgramRefused: every mistake of the file; a sequence that goes on, or is somebody else's.
    """
    found = classic.parse(text, file)
    for sequence in found:
        row, made = Sequence.objects.select_for_update().get_or_create(name=sequence.name, defaults={"owner": owner})
        if not made and row.owner.pk != owner.pk:
            raise ProgramRefused(f"the sequence {row.name} is {row.owner.get_username()}'s; rename one of them")
        if row.enabled or (row.application is not None and row.application.state in OPEN_STATES):
            raise ProgramRefused(f"the sequence {row.name} goes on; stop it first: manage.py sequence stop {row.name}")
        row.restart, row.phase, row.position, row.application = sequence.restart, Phase.STOPPED, 0, None
        row.save()
        row.steps.all().delete()
        SequenceStep.objects.bulk_create(
            SequenceStep(sequence=row, position=place, **dataclasses.asdict(step))
            for place, step in enumerate(sequence.steps, 1)
        )
    return [sequence.name for sequence in found]


def export_text(names: Iterable[str] = (), sees: Callable[[str], bool] = everything) -> str:
    """A classic file of all sequences, or those with ``names``, of the users that ``sees`` says. Raises ProgramRefused."""
    found = [get(name) for name in names] or list(Sequence.objects.select_related("owner").order_by("name"))
    chosen = [row for row in found if sees(row.owner.get_username())]
    fields = [field.name for field in dataclasses.fields(classic.FileStep)]
    return classic.written(
        classic.FileSequence(
            row.name,
            row.restart,
            [
                classic.FileStep(**{name: getattr(step, name) for name in fields})
                for step in row.steps.order_by("position")
            ],
        )
        for row in chosen
    )


@transaction.atomic
def start(name: str) -> bool:
    """Have it go on, from its first step if it is a restarting one, else where it stopped; False: it goes on already.

    Raises ProgramRefused.
    """
    get(name)
    row = Sequence.objects.select_for_update().get(name=name)
    steps = row.steps.count()
    if not steps:
        raise ProgramRefused(f"the sequence {name} has no steps")
    if row.enabled and row.phase != Phase.STOPPED:
        return False
    program = row.application
    if row.restart and program is not None and program.state in OPEN_STATES:
        raise ProgramRefused(
            f"program {program.pk} of {name} still goes on; wait for it, or: application kill {program.pk}"
        )
    before = advance.standing_of(row)
    standing = engine.started(before, steps, restart=row.restart, has_program=program is not None and not row.restart)
    advance.stand(row, standing)
    row.enabled = True
    row.application = program if standing.phase == Phase.RUNNING else None
    row.save()
    _LOG.info("sequence started", sequence=name, position=row.position)
    return True


@transaction.atomic
def stop(name: str, by: str, *, kill: bool = False) -> Application | None:
    """Have it do no further step; its present program goes on to its end unless ``kill``. The program that goes on, if any.

    Raises ProgramRefused.
    """
    get(name)
    row = Sequence.objects.select_for_update().get(name=name)
    row.enabled, row.until = False, None
    row.phase = row.phase if row.phase == Phase.ENDED else Phase.STOPPED
    row.save()
    _LOG.info("sequence stopped", sequence=name, by=by)
    program = row.application
    if program is None or program.state not in OPEN_STATES:
        return None
    if kill:
        applications.kill(program, by)
    return program
