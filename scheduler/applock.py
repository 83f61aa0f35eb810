"""Locks by which operators stop an application (detox, dealer, …) for maintenance, in order of asking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from scheduler.errors import ApplicationLocked
from scheduler.models import OPEN_STATES, ApplicationLock, Run


@dataclass(frozen=True)
class Holder:
    """Who holds an application, or waits for it; ``depth``: how many times they have locked it; ``expires`` None: never."""

    application: str
    user: str
    service: str
    note: str
    locked_at: datetime
    depth: int
    expires: datetime | None = None

    def __str__(self) -> str:
        through = f" ({self.service})" if self.service else ""
        note = f": {self.note}" if self.note else ""
        until = f" until {self.expires:%Y-%m-%d %H:%M} UTC" if self.expires else ""
        return f"{self.user}{through} since {self.locked_at:%Y-%m-%d %H:%M} UTC{until}{note}"


def in_force(now: datetime) -> QuerySet[ApplicationLock]:
    """Locks that have not expired at ``now``, in order of asking."""
    return ApplicationLock.objects.filter(Q(expires=None) | Q(expires__gt=now)).order_by("id")


def _standing(locks: Iterable[ApplicationLock]) -> dict[str, list[list[ApplicationLock]]]:
    """By application the locks of each user and service, in order of their first asking: the first ones hold it, the others wait."""
    found: dict[str, dict[tuple[str, str], list[ApplicationLock]]] = {}
    for row in locks:
        found.setdefault(row.application, {}).setdefault((row.user, row.service), []).append(row)
    return {application: list(by_who.values()) for application, by_who in found.items()}


def queue(application: str) -> list[Holder]:
    """Who holds the application, then who waits for it in order of asking; each user and service once."""
    found = _standing(in_force(timezone.now()).filter(application=application))
    return [_holder(rows) for rows in found.get(application, [])]


def queues() -> dict[str, list[Holder]]:
    """The queues of all applications that somebody holds, by name."""
    found = sorted(_standing(in_force(timezone.now())).items())
    return {application: [_holder(rows) for rows in standing] for application, standing in found}


def holding() -> set[int]:
    """Numbers of the locks that hold an application, and do not wait for it."""
    return {row.pk for standing in _standing(in_force(timezone.now())).values() for row in standing[0]}


def held(application: str) -> Holder | None:
    """Who holds the application; None: it is free to run."""
    return next(iter(queue(application)), None)


def _holder(rows: list[ApplicationLock]) -> Holder:
    """Of the locks of one user and service; they last until the last of them ends."""
    first, ends = rows[0], [row.expires for row in rows]
    expires = None if None in ends else max(end for end in ends if end is not None)
    return Holder(first.application, first.user, first.service, first.note, first.locked_at, len(rows), expires)


def lock(application: str, user: str, service: str = "", note: str = "", expires: datetime | None = None) -> Holder:
    """Ask for the application; it is yours when the returned holder is you, else you stand in the queue.

    Raises ValueError for an end in the past.
    """
    if expires is not None and expires <= timezone.now():
        raise ValueError(f"expires: {expires:%Y-%m-%d %H:%M:%S} UTC is in the past")
    row = ApplicationLock.objects.create(
        application=application, user=user, service=service, note=note, expires=expires
    )
    return held(application) or _holder([row])


def unlock(application: str, user: str, service: str = "") -> Holder | None:
    """Take back the newest lock (or place in the queue) of this user and service; returns who holds it now."""
    mine = in_force(timezone.now()).filter(application=application, user=user, service=service)
    newest = mine.order_by("-id").first()
    if newest is not None:
        newest.delete()
    return held(application)


def forget_expired() -> None:
    """Drop locks that hold nothing any more."""
    ApplicationLock.objects.filter(expires__lte=timezone.now()).delete()


def current() -> list[Run]:
    """Runs that wait or go on now, oldest first."""
    return list(Run.objects.filter(state__in=OPEN_STATES).order_by("id"))


def require_free(application: str, author: str) -> None:
    """Raise :class:`ApplicationLocked` unless the application is free, or held by ``author``."""
    holder = held(application)
    if holder is not None and holder.user != author:
        raise ApplicationLocked(f"{application} is stopped by {holder}; it runs again when that lock is taken back")
