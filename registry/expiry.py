"""Tells owners of locks, of data and of applications, by e-mail before these expire; once for each end that a lock gets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from registry import locks, notices
from registry.models import DetoxLock
from registry.settings import registry_settings
from scheduler import applock
from scheduler.models import ApplicationLock

_SHOWN = 100
Lock = DetoxLock | ApplicationLock


def warn(now: datetime) -> int:
    """Write a notice to each owner of locks that expire within ``lock_warning_days`` (or half of their life); how many locks.

    Owners without an e-mail address are told when they have one.
    """
    ahead = timedelta(days=registry_settings().lock_warning_days)
    ending: list[Lock] = [
        *locks.in_force(now).filter(warned=None, expires__lte=now + ahead),
        *applock.in_force(now).filter(warned=None, expires__lte=now + ahead),
    ]
    by_owner: dict[str, list[Lock]] = defaultdict(list)
    for lock in sorted(ending, key=_end):
        if _end(lock) - now <= min(ahead, (_end(lock) - _begin(lock)) / 2):
            by_owner[lock.user].append(lock)
    return sum(_warned(user, own, now) for user, own in by_owner.items())


def _end(lock: Lock) -> datetime:
    if lock.expires is None:
        raise ValueError(f"{lock} never expires")
    return lock.expires


def _begin(lock: Lock) -> datetime:
    return lock.locked if isinstance(lock, DetoxLock) else lock.locked_at


@transaction.atomic
def _warned(user: str, own: Sequence[Lock], now: datetime) -> int:
    many = f"{len(own)} of your locks expire" if len(own) > 1 else "One of your locks expires"
    shown = [_told(lock) for lock in own[:_SHOWN]]
    left = [f"and {len(own) - _SHOWN} more"] if len(own) > _SHOWN else []
    text = "\n".join([
        f"{many} soon. What they keep may be deleted, or run, from then on; lock it again with a later end to keep it so.", "",
        *shown, *left,
    ])  # fmt: skip
    data = {"event": "locks.expire", "locks": [lock.pk for lock in own]}
    if not notices.write_to_user(user, f"{many} before {_end(own[-1]):%Y-%m-%d %H:%M} UTC", text, data):
        return 0
    return _mark(DetoxLock, own, now) + _mark(ApplicationLock, own, now)


def _mark(model: type[DetoxLock] | type[ApplicationLock], own: Iterable[Lock], now: datetime) -> int:
    numbers = [lock.pk for lock in own if isinstance(lock, model)]
    return model._default_manager.filter(pk__in=numbers, warned=None).update(warned=now)


def _told(lock: Lock) -> str:
    end = f"{_end(lock):%Y-%m-%d %H:%M} UTC"
    if isinstance(lock, ApplicationLock):
        return f"{end}  application {lock.application}" + (f"  ({lock.note})" if lock.note else "")
    where = "".join(f", {name} {value}" for name, value in (("sites", lock.sites), ("groups", lock.groups)) if value)
    return f"{end}  lock {lock.pk} of {lock.item}{where}" + (f"  ({lock.comment})" if lock.comment else "")
