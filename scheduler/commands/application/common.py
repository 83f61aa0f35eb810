"""What several of the subcommands need."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, OutputWrapper

from scheduler import applications
from scheduler.models import Application

_POLL_SECONDS = 0.5


def application(number: int) -> Application:
    """The application with this number. Raises CommandError."""
    row = Application.objects.select_related("run", "step__sequence").filter(pk=number).first()
    if row is None:
        raise CommandError(f"there is no application {number}; application list shows those there are")
    return row


def user(name: str) -> User:
    """The user with this name. Raises CommandError."""
    row = User.objects.filter(username=name).first()
    if row is None:
        raise CommandError(f"there is no user {name}; manage.py createsuperuser or the admin pages make one")
    return row


def as_json(row: Application) -> dict[str, Any]:
    """An application for programs; times in ISO form."""
    times = {name: getattr(row, name) for name in ("queued_at", "started_at", "ended_at")}
    return {
        "id": row.pk, "title": row.title, "user": row.author, "level": row.level, "state": row.state, "path": row.path,
        "sha256": row.sha256, "arguments": row.arguments, "limit": row.limit, "run": row.run_id, "exit_code": row.exit_code,
        "error": row.error, "sequence": row.step.sequence.name if row.step else None,
        **{name: time and time.isoformat(timespec="seconds") for name, time in times.items()},
    }  # fmt: skip


def follow(row: Application, out: OutputWrapper, offset: int = 0) -> Application:
    """Write its log until it ends; the row as it is then."""
    while True:
        part = applications.log(row, offset)
        out.write(part.text, ending="")
        out.flush()
        if part.ended and part.next == offset:
            row.refresh_from_db()
            return row
        if part.next == offset:
            time.sleep(_POLL_SECONDS)
        offset = part.next
