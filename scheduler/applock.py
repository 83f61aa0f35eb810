"""Locks by which operators stop an application (detox, dealer, …) for maintenance, in order of asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduler.errors import ApplicationLocked
from scheduler.models import OPEN_STATES, ApplicationLock, Run


@dataclass(frozen=True)
class Holder:
    """Who holds an application; ``depth``: how many times they have locked it."""

    application: str
    user: str
    service: str
    note: str
    locked_at: datetime
    depth: int

    def __str__(self) -> str:
        through = f" ({self.service})" if self.service else ""
        note = f": {self.note}" if self.note else ""
        return f"{self.user}{through} since {self.locked_at:%Y-%m-%d %H:%M} UTC{note}"


def held(application: str) -> Holder | None:
    """Who holds the application; None: it is free to run."""
    locks = list(ApplicationLock.objects.filter(application=application).order_by("id"))
    if not locks:
        return None
    first = locks[0]
    depth = sum((lock.user, lock.service) == (first.user, first.service) for lock in locks)
    return Holder(application, first.user, first.service, first.note, first.locked_at, depth)


def lock(application: str, user: str, service: str = "", note: str = "") -> Holder:
    """Ask for the application; it is yours when the returned holder is you, else you stand in the queue."""
    ApplicationLock.objects.create(application=application, user=user, service=service, note=note)
    holder = held(application)
    return holder or lock(application, user, service, note)


def unlock(application: str, user: str, service: str = "") -> Holder | None:
    """Take back the newest lock (or place in the queue) of this user and service; returns who holds it now."""
    mine = ApplicationLock.objects.filter(application=application, user=user, service=service)
    newest = mine.order_by("-id").first()
    if newest is not None:
        newest.delete()
    return held(application)


def current() -> list[Run]:
    """Runs that wait or go on now, oldest first."""
    return list(Run.objects.filter(state__in=OPEN_STATES).order_by("id"))


def require_free(application: str, author: str) -> None:
    """Raise :class:`ApplicationLocked` unless the application is free, or held by ``author``."""
    holder = held(application)
    if holder is not None and holder.user != author:
        raise ApplicationLocked(f"{application} is stopped by {holder}; it runs again when that lock is taken back")
