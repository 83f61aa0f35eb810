"""How checks and cleanings that come to no result end on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from consistency.models import Check, CheckState
from scheduler.models import OPEN_STATES, Run

APPLICATIONS = {"check": "consistency", "clean": "cleaning"}
"""The application of the runs of each kind."""


def failed(check: Check, error: BaseException) -> Check:
    """End the check as failed, with the reason."""
    reason = str(error) or error.__class__.__name__
    check.state, check.error, check.ended = CheckState.FAILED, reason, datetime.now(UTC)
    check.alarms = [reason]
    check.save()
    return check


@contextmanager
def on_record(check: Check) -> Iterator[None]:
    """An error (also Ctrl-C) before the result is on record ends the check as failed, with the reason."""
    try:
        yield
    except BaseException as error:
        if check.state == CheckState.LISTING:
            failed(check, error)
        raise


def end_interrupted(site: str, run: int, kind: str = "check") -> None:
    """End the checks of ``site`` whose process died, which no run but ``run`` goes on with."""
    runs = Run.objects.filter(application=APPLICATIONS[kind], arguments__site=site, state__in=OPEN_STATES)
    if not runs.exclude(pk=run).exists():
        Check.objects.filter(site=site, kind=kind, state=CheckState.LISTING).update(
            state=CheckState.FAILED, ended=datetime.now(UTC), error="interrupted before it had a result"
        )
