"""The record of runs in the database: opened, started, what they read and wrote, and how they ended."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.utils import timezone

from scheduler.errors import RunKilled
from scheduler.models import OPEN_STATES, Job, Run, RunLog, State

JOB_VARIABLE = "DYNAMO_JOB"
"""Environment variable by which a job's process knows its number."""
_LONGEST_LINE = 4000
_LOG = structlog.get_logger("scheduler.runs")


def opened(application: str, arguments: dict[str, Any], author: str, service: str, *, writes: bool) -> Run:
    """A new run of this process."""
    number = int(os.environ.get(JOB_VARIABLE, "0"))
    return Run.objects.create(
        application=application, arguments=arguments, author=author, service=service, writes=writes,
        host=socket.gethostname(), pid=os.getpid(), job=Job.objects.filter(pk=number).first() if number else None,
    )  # fmt: skip


def started(row: Run) -> None:
    """It has what it waited for and goes on."""
    row.state, row.started_at = State.RUN, timezone.now()
    row.save(update_fields=["state", "started_at", "token"])
    _LOG.info("run started", arguments=row.arguments, author=row.author, fencing=row.token)


def read(row: Run, version: int) -> None:
    """It opened this version; the first one opened is kept."""
    if row.version_read is None:
        row.version_read = version
        row.save(update_fields=["version_read"])


def wrote(row: Run, version: int) -> None:
    """A change set of this run became this version."""
    if version not in row.versions_written:
        row.versions_written.append(version)
        row.save(update_fields=["versions_written"])


@contextmanager
def ended(row: Run) -> Iterator[None]:
    """Records how the block ended; errors pass on."""
    try:
        yield
    except RunKilled as error:
        _finish(row, State.KILLED, str(error))
        raise
    except (KeyboardInterrupt, SystemExit):
        _finish(row, State.KILLED, "its process was told to end")
        raise
    except GeneratorExit:
        _finish(row, State.KILLED, "left without an end")
        raise
    except BaseException as error:
        _finish(row, State.FAILED, "".join(traceback.format_exception_only(error)).strip())
        raise
    _finish(row, State.DONE, "")


def _finish(row: Run, state: State, error: str) -> None:
    """Only an open run can end: what was found dead in between stays so."""
    now, error = timezone.now(), error[:_LONGEST_LINE]
    Run.objects.filter(pk=row.pk, state__in=OPEN_STATES).update(state=state, ended_at=now, error=error)
    row.state, row.ended_at, row.error = state, now, error
    report = _LOG.info if state == State.DONE else _LOG.warning
    report("run ended", state=state.value, error=error, versions=row.versions_written)


class Log:
    """The bounded log of one run."""

    def __init__(self, row: Run, lines: int) -> None:
        self._row, self._left = row, lines

    def add(self, text: str) -> None:
        """One more line; a last line tells when there are no more."""
        _LOG.info(text)
        if self._left <= 0:
            return
        self._left -= 1
        kept = text if self._left else "(the log ends here: it reached its limit)"
        RunLog.objects.create(run=self._row, text=kept[:_LONGEST_LINE])
