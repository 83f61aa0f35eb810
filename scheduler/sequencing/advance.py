"""Does what the engine decides: starts programs, writes down where each sequence stands, tells of failures. Called by beat."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from scheduler import applications
from scheduler.errors import ProgramNotAuthorised, ProgramNotFound, ProgramRefused
from scheduler.models import OPEN_STATES, Application, Kind, Phase, Sequence, SequenceStep, State
from scheduler.sequencing import engine
from scheduler.sequencing.engine import Outcome, Pauses, Standing
from scheduler.sequencing.expression import ExpressionWrong, seconds
from scheduler.sequencing.words import ArgumentsWrong, filled, words
from scheduler.settings import SchedulerSettings, scheduler_settings
from scheduler.trying import all_tried

_HOUR = 3600.0
_STATES: dict[type[Exception], State] = {
    ProgramNotFound: State.NOT_FOUND,
    ProgramNotAuthorised: State.AUTH_FAILED,
    ProgramRefused: State.FAILED,
}
_LOG = structlog.get_logger(__name__)


def advance_all() -> int:
    """Do what is due in every enabled sequence; how many went on. Raises ExceptionGroup, after all had their turn, for those that could
    not be gone on with: they stand where they stood.
    """
    chosen = Sequence.objects.filter(enabled=True).values_list("pk", "name")
    settings = scheduler_settings()
    return sum(
        all_tried("sequences", {f"sequence {name}": partial(advance, number, settings) for number, name in chosen})
    )


def advance(number: int, settings: SchedulerSettings) -> bool:
    """Go on with one sequence until it waits for something; whether it changed. Two callers do not do it twice."""
    with transaction.atomic():
        sequence = Sequence.objects.select_for_update().filter(pk=number, enabled=True).first()
        if sequence is None:
            return False
        rows = list(sequence.steps.order_by("position"))
        before = standing_of(sequence)
        # No more than once around: a sequence of steps that take no time must not keep us.
        for _ in range(len(rows) + 1):
            if not _one(sequence, rows, settings):
                break
        if standing_of(sequence) == before:
            return False
        _write(sequence)
    return True


def _write(sequence: Sequence) -> None:
    """Put down where it stands; not by saving the row, for that would be a person's change in the audit log."""
    Sequence.objects.filter(pk=sequence.pk).update(
        phase=sequence.phase, position=sequence.position, until=sequence.until, rounds=sequence.rounds,
        failures=sequence.failures, application=sequence.application, enabled=sequence.phase != Phase.ENDED,
        changed_at=timezone.now(),
    )  # fmt: skip


def standing_of(sequence: Sequence) -> Standing:
    """Where it stands, as the engine knows it."""
    until = None if sequence.until is None else sequence.until.timestamp()
    return Standing(sequence.phase, sequence.position, until, sequence.rounds, sequence.failures)


def stand(sequence: Sequence, standing: Standing) -> None:
    """Put ``standing`` into the row; not saved."""
    sequence.phase, sequence.position = standing.phase, standing.position
    sequence.until = None if standing.until is None else datetime.fromtimestamp(standing.until, UTC)
    sequence.rounds, sequence.failures = standing.rounds, standing.failures


def _one(sequence: Sequence, rows: list[SequenceStep], settings: SchedulerSettings) -> bool:
    """One change of where it stands; False when there is none to make now, or a program was started."""
    before = standing_of(sequence)
    if sequence.phase == Phase.STOPPED:
        stand(sequence, engine.started(before, len(rows), restart=False, has_program=False))
        return True
    pauses = Pauses(settings.step_pause, settings.longest_step_pause)
    plain = [engine.Step(row.kind, row.on_failure, _wait(row)) for row in rows]
    result = engine.after(before, plain, _outcome(sequence), timezone.now().timestamp(), pauses)
    if result.standing == before:
        return False
    if result.notify:
        _notify(sequence, rows[before.position], pauses.after(result.standing.failures))
    stand(sequence, result.standing)
    sequence.application = _started(sequence, rows[result.standing.position]) if result.start else None
    return not result.start


def _wait(row: SequenceStep) -> float:
    if row.kind != Kind.WAIT:
        return 0.0
    try:
        return seconds(row.wait)
    except ExpressionWrong as error:
        # Forms and imports refuse it: somebody wrote into the table.
        _LOG.error("a wait that cannot be understood lasts an hour", sequence=row.sequence_id, reason=str(error))
        return _HOUR


def _outcome(sequence: Sequence) -> Outcome:
    application = sequence.application
    if application is None:
        return Outcome.FAILED
    if application.state in OPEN_STATES:
        return Outcome.OPEN
    return Outcome.DONE if application.state == State.DONE else Outcome.FAILED


def _started(sequence: Sequence, step: SequenceStep) -> Application:
    """The step's program, queued; or a record of why it could not be."""
    author = sequence.owner.get_username()
    about: dict[str, Any] = {"title": step.title, "path": step.path, "level": step.level, "step": step}
    limit = None if step.limit_hours is None else step.limit_hours * _HOUR
    try:
        arguments = [filled(word, os.environ, django_settings.SEQUENCE_VARIABLES) for word in words(step.arguments)]
        application = applications.submit(author, arguments=arguments, limit=limit, **about)
    except (ProgramRefused, ProgramNotFound, ProgramNotAuthorised, ArgumentsWrong) as error:
        state = _STATES.get(type(error), State.FAILED)
        application = Application.objects.create(
            author=author, limit=limit or 0, state=state, error=str(error), ended_at=timezone.now(), **about
        )
        _LOG.warning("step not started", sequence=sequence.name, step=step.position, reason=str(error))
    SequenceStep.objects.filter(pk=step.pk).update(last=application)
    return application


def _notify(sequence: Sequence, step: SequenceStep, pause: float) -> None:
    application = sequence.application
    state, error = ("gone", "its record was deleted") if application is None else (application.state, application.error)
    subject = f"Sequence {sequence.name}: step {step.position} ({step.title}) {state}"
    text = (
        f"Step {step.position} of the sequence {sequence.name}, {step.title} {step.arguments}, did not end well: {error}\n"
        f"It begins again {'at its first step' if step.on_failure == '^' else 'with this step'} in {pause:g} seconds.\n"
        f"The log: manage.py application log {application.pk if application else '?'}. "
        f"To stop it: manage.py sequence stop {sequence.name}\n"
    )
    data = {
        "sequence": sequence.name,
        "step": step.position,
        "application": application and application.pk,
        "error": error,
    }
    import_string(django_settings.SEQUENCE_NOTIFY)(sequence.owner.get_username(), subject, text, data)
