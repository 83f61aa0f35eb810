"""What operators do to engines, runs and programs: the right to it, the change, and its one record in the audit log.

The scheduler itself knows neither rights nor the log; whatever lets people change something there goes through these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import redis
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from registry import audit, rights
from registry.callers import Caller
from registry.errors import Busy, Denied, NotThere, Refused
from scheduler import applications, applock, ending, sequences
from scheduler.applock import Holder
from scheduler.models import Application, ApplicationLock, Run

_TARGET = "application"


@contextmanager
def _act() -> Iterator[None]:
    """One transaction with one record. Raises Busy when Redis, which carries messages to what runs, is away."""
    try:
        with transaction.atomic(), audit.one_record():
            yield
    except redis.RedisError as error:
        raise Busy(f"Redis does not answer, so nothing can be ended now: {error}") from error


def stop(by: Caller, application: str, note: str = "", expires: datetime | None = None, service: str = "") -> Holder:
    """Ask for an application: who holds it now, the caller or whoever was first. ``service``: by default the caller's. Raises Denied, Refused."""
    rights.require(by, "operator", _TARGET)
    if expires is not None and expires <= timezone.now():
        raise Refused("expires: is in the past")
    with _act():
        holder = applock.lock(application, by.name, service or by.service, note, expires)
        audit.record(by, "application.lock", application, None, {"note": note, "expires": expires})
    return holder


def give_back(by: Caller, application: str, user: str, service: str = "") -> Holder | None:
    """Take back the newest lock, or place in the queue, of a user and service; who holds it then. Others' need an admin. Raises Denied."""
    rights.require(by, "operator" if user == by.name else "admin", _TARGET)
    before = next((one for one in applock.queue(application) if (one.user, one.service) == (user, service)), None)
    with _act():
        holder = applock.unlock(application, user, service)
        if before is not None:
            audit.record(by, "application.unlock", application, {"user": user, "note": before.note}, None)
    return holder


def take_back(by: Caller, number: int) -> None:
    """The same of the lock with this number. Raises NotThere, Denied."""
    row = ApplicationLock.objects.filter(pk=number).first()
    if row is None:
        raise NotThere(f"there is no lock {number} of an application")
    rights.require(by, "operator" if row.user == by.name else "admin", _TARGET)
    with _act():
        if not ApplicationLock.objects.filter(pk=number).delete()[0]:
            raise NotThere(f"the lock {number} was taken back meanwhile")
        audit.record(by, "application.unlock", row.application, {"user": row.user, "note": row.note}, None)


def end_run(by: Caller, run: Run) -> bool:
    """Ask a run to end; what it has not committed does not exist. False: it had ended. Raises Denied, Busy."""
    rights.require(by, "operator", _TARGET)
    with _act():
        # First: what is sent to the run is not taken back where this cannot be written.
        audit.record(by, "run.kill", f"run {run.pk} of {run.application}", {"state": run.state}, None)
        asked = ending.end_run(run, by.name)
        if not asked:
            transaction.set_rollback(True)
    return asked


def submit(by: Caller, **program: Any) -> Application:
    """Queue a user's program (see ``scheduler.applications.submit``); one that writes has to be authorised."""
    with _act():
        made = applications.submit(by.name, **program)
        noted = {"title": made.title, "sha256": made.sha256, "level": made.level}
        audit.record(by, "application.submit", str(made.pk), None, noted)
    return made


def may_kill(by: Caller, program: Application) -> bool:
    """Whether ``by`` may end it: its author, or an operator."""
    own = by.known and by.name == program.author and by.allows(_TARGET)
    return own or rights.has(by, "operator", _TARGET)


def kill(by: Caller, program: Application) -> bool:
    """End a program; nothing of it is written. False: it had ended. Raises Denied."""
    if not may_kill(by, program):
        raise Denied(f"this program is {program.author}'s; only its author or an operator on {_TARGET} ends it")
    with _act():
        changed = applications.kill(program, by.name)
        if changed:
            audit.record(by, "application.kill", str(program.pk), {"state": program.state}, None)
    return changed


def import_sequences(by: Caller, text: str) -> list[str]:
    """Take in a file of sequences as the caller's (see ``scheduler.sequences.import_text``). Raises Denied, ProgramRefused."""
    rights.require(by, "operator", _TARGET)
    if not isinstance(by.user, User):
        raise Denied("sequences belong to a user, in whose name their programs run: log in")
    with _act():
        names = sequences.import_text(text, by.user)
        audit.record(by, "sequence.import", " ".join(names), None, {"names": names})
    return names


def start(by: Caller, name: str) -> bool:
    """Have a sequence go on; False: it does already. Raises Denied, ProgramRefused."""
    rights.require(by, "operator", _TARGET)
    with _act():
        changed = sequences.start(name)
        if changed:
            audit.record(by, "sequence.start", name)
    return changed


def halt(by: Caller, name: str, *, kill: bool = False) -> None:
    """Have a sequence do no further step, and end its program if ``kill``. Raises Denied, ProgramRefused."""
    rights.require(by, "operator", _TARGET)
    with _act():
        sequences.stop(name, by.name, kill=kill)
        audit.record(by, "sequence.stop", name, None, {"kill": kill})
