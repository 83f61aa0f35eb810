"""One program from its start to its record: what ``manage.py run_task scheduler.application`` does in a worker's child.

The keeper has the inventory, the database and the turn; the program has its arguments, a directory and a token to read.
What a program with the level write asks for comes as a file, and is committed in the keeper's run when the program has ended
with 0 and is still authorised; then as a whole, or it is refused as a whole.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog
from django.contrib.auth.models import User
from django.utils import timezone

from inventory import log as update_log
from inventory import run_tokens
from inventory.errors import InventoryError
from scheduler import runs
from scheduler.errors import ProgramFailed, ProgramNotAuthorised, ProgramNotFound, RunKilled
from scheduler.models import OPEN_STATES, Application, Job, Level, State
from scheduler.programs import authorised, files
from scheduler.programs.changes import received
from scheduler.programs.child import Ended, supervised
from scheduler.programs.log import BoundedLog
from scheduler.programs.places import LOCK
from scheduler.programs.workplace import Workplace
from scheduler.record import JOB_VARIABLE
from scheduler.settings import SchedulerSettings, scheduler_settings

_LOG = structlog.get_logger(__name__)
_STATES: tuple[tuple[type[BaseException], State], ...] = (
    (ProgramNotFound, State.NOT_FOUND), (ProgramNotAuthorised, State.AUTH_FAILED), (RunKilled, State.KILLED),
    (KeyboardInterrupt, State.KILLED), (SystemExit, State.KILLED), (Exception, State.FAILED),
)  # fmt: skip
_TERMINATED = 2


def keep(number: int) -> None:
    """Run the application with this number, unless that was done before; its row tells how it ended."""
    application = Application.objects.filter(pk=number).first()
    if application is None or application.state not in OPEN_STATES:
        return
    if not _claimed(application):
        settle_lost()
        return
    settings = scheduler_settings()
    output = BoundedLog(files.directory(number) / "log", settings.program_log)
    with _recorded(application, output):
        _run(application, output, settings)


def _claimed(application: Application) -> bool:
    """Make it this job's. Only the first job of an application gets it: nothing is run twice."""
    job = Job.objects.filter(pk=int(os.environ.get(JOB_VARIABLE, "0"))).first()
    if job is None:
        application.state = State.ASSIGNED
        return bool(
            Application.objects.filter(pk=application.pk, state=State.NEW).update(
                state=State.ASSIGNED, assigned_at=timezone.now()
            )
        )
    free = Application.objects.filter(pk=application.pk, state__in=(State.NEW, State.ASSIGNED), job=None)
    return bool(free.update(job=job, state=State.ASSIGNED))


def settle_lost() -> int:
    """Record the end of programs whose keeper is gone (its job has ended, and they have not); how many.

    What a keeper had committed is so; else nothing is.
    """
    lost = Application.objects.filter(state__in=OPEN_STATES, job__isnull=False).exclude(job__state__in=OPEN_STATES)
    for application in lost:
        if application.run_id is not None:
            run_tokens.revoke(application.run_id)
        if update_log.answered(_transaction(application)) is not None:
            _finish(application, State.DONE, "its worker went away after it was committed", 0)
        else:
            by = f"ended by {application.killed_by}" if application.killed_by else "its worker went away"
            _finish(application, State.KILLED, f"{by}; nothing of it is written", None)
    return len(lost)


def _transaction(application: Application) -> str:
    return f"application-{application.pk}"


@contextmanager
def _recorded(application: Application, output: BoundedLog) -> Iterator[None]:
    """Record how it ended; errors go into its log and row, only an end that was asked for passes on."""
    try:
        yield
        _finish(application, State.DONE, "", 0, output)
    except BaseException as error:
        state = next(state for kind, state in _STATES if isinstance(error, kind))
        by = Application.objects.filter(pk=application.pk).values_list("killed_by", flat=True).first()
        state = State.KILLED if by else state
        text = f"ended by {by}" if by else str(error) if isinstance(error, Exception) else "its worker was told to end"
        _finish(application, state, text, application.exit_code, output)
        if not isinstance(error, InventoryError):
            raise


def _finish(
    application: Application, state: State, error: str, code: int | None, output: BoundedLog | None = None
) -> None:
    if output is not None:
        output.close()
    told = f"{state}{f': {error}' if error else ''}"
    with suppress(OSError), (files.directory(application.pk) / "log").open("a") as stream:
        stream.write(f"[dynamo] {told}\n")
    Application.objects.filter(pk=application.pk, state__in=OPEN_STATES).update(
        state=state, error=error, exit_code=code, ended_at=timezone.now()
    )
    report = _LOG.info if state == State.DONE else _LOG.warning
    report("application ended", application=application.pk, state=state.value, error=error)


def _run(application: Application, output: BoundedLog, settings: SchedulerSettings) -> None:
    _program(application, settings)
    # Not its arguments: runs are for everybody to see.
    arguments = {"application": application.pk, "title": application.title}
    with Workplace(application.pk) as workplace:
        if application.level != Level.WRITE:
            with runs.reader(LOCK, arguments, application.author) as reading:
                _do(application, reading, workplace, output, settings)
            return
        with _writer(application, arguments, output) as writing:
            _do(application, writing, workplace, output, settings)
            changes = received(workplace.changes, settings.program_changes, writing.changes(_transaction(application)))
            # What was withdrawn meanwhile is not written any more.
            authorised.require(application.author, application.level, application.sha256)
            if changes.is_empty():
                output.note("nothing to commit")
                return
            commit = writing.commit(changes)
            output.note(f"committed as version {commit.version}: {commit.counts}")


def _do(
    application: Application, run: runs.ReaderRun, workplace: Workplace, output: BoundedLog, settings: SchedulerSettings
) -> None:
    """Start the program and see it through to an end with 0. Raises ProgramFailed, RunKilled, TurnLost, and what _program does."""
    workplace.put(_program(application, settings))
    rows = Application.objects.filter(pk=application.pk)
    rows.update(state=State.RUN, started_at=timezone.now(), run=run.id)
    version = run.snapshot().version
    acts = application.level != Level.READ
    with run_tokens.issued(run.id, application.author, application.limit + settings.grace, acts=acts) as token:
        order = workplace.order(application, settings, run.id, version, token)
        ended = supervised(order, output, settings, _look(application, run))
    application.exit_code = ended.code
    _judge(ended)


def _look(application: Application, run: runs.ReaderRun) -> Callable[[], None]:
    def look() -> None:
        by = Application.objects.filter(pk=application.pk).values_list("killed_by", flat=True).first()
        if by:
            raise RunKilled(f"ended by {by}")
        # Made inactive by other ways than those that end programs, too.
        if User.objects.filter(username=application.author, is_active=False).exists():
            raise RunKilled(f"{application.author} is not active any more")
        run.check()

    return look


def _judge(ended: Ended) -> None:
    if ended.reason:
        raise ProgramFailed(ended.reason)
    if ended.code == _TERMINATED:
        raise ProgramFailed("ended with status 2: it was terminated, or did not understand its arguments")
    if ended.code is None or ended.code < 0:
        name = "" if ended.code is None else f" {signal.Signals(-ended.code).name}"
        raise ProgramFailed(f"ended by signal{name}; a limit of CPU time or memory, or the system, may have sent it")
    if ended.code:
        raise ProgramFailed(f"ended with status {ended.code}")


@contextmanager
def _writer(application: Application, arguments: dict[str, object], output: BoundedLog) -> Iterator[runs.WriterRun]:
    def waiting(text: str) -> None:
        output.note(text)
        if Application.objects.filter(pk=application.pk).exclude(killed_by="").exists():
            raise RunKilled("ended while it waited for its turn")

    with runs.writer(LOCK, arguments, application.author, waiting=waiting) as run:
        yield run


def _program(application: Application, settings: SchedulerSettings) -> bytes:
    """The bytes to run: those that were submitted, authorised at this moment. Raises what else they are."""
    content = files.content_of(application, settings.program_bytes)
    digest = files.sha256(content)
    if digest != application.sha256:
        raise ProgramNotAuthorised(
            f"its content has changed since it was submitted: its SHA-256 is {digest}, not {application.sha256}"
        )
    authorised.require(application.author, application.level, digest)
    return content
