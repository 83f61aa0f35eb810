"""Bounds on guessing: after some failures whoever tries has to wait, and the wait doubles with every further one.

Counted in the database, for all web processes together: by name and address, by address, and by name alone, which takes many
more, so that nobody locks others out easily. A success forgets the failures of the name from that address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from registry.errors import Busy
from registry.models import FailedLogins

_FREE = {"both": 5, "address": 50, "name": 100}
"""Failures that cost no wait. An address may stand for a whole institute."""
_FIRST, _LONGEST = timedelta(seconds=2), timedelta(minutes=15)
_FORGOTTEN = timedelta(hours=24)


class TooManyAttempts(Busy):
    """Somebody has to wait before trying again."""


def check(name: str, address: str) -> None:
    """Raise TooManyAttempts while ``name`` or ``address`` has to wait."""
    now = timezone.now()
    for row in FailedLogins.objects.filter(who__in=_keys(name, address)):
        left = (row.since + _wait(row) - now).total_seconds()
        if left > 0:
            raise TooManyAttempts("too many failed attempts; wait before you try again", int(left) + 1)


def failed(name: str, address: str) -> None:
    """Count a failure of both."""
    now = timezone.now()
    forget_old(now)
    for who in _keys(name, address):
        _count(who, now)


def succeeded(name: str, address: str) -> None:
    """Forget the failures of ``name`` from ``address``."""
    FailedLogins.objects.filter(who=_keys(name, address)[0]).delete()


def forget_old(now: datetime) -> int:
    """Forget failures of long ago; how many rows."""
    return FailedLogins.objects.filter(since__lt=now - _FORGOTTEN).delete()[0]


def _count(who: str, now: datetime) -> None:
    if FailedLogins.objects.filter(who=who).update(count=F("count") + 1, since=now):
        return
    try:
        with transaction.atomic():
            FailedLogins.objects.create(who=who, count=1, since=now)
    except IntegrityError:
        # Somebody else failed at the same instant.
        FailedLogins.objects.filter(who=who).update(count=F("count") + 1, since=now)


def _keys(name: str, address: str) -> Sequence[str]:
    # Names are as long and as odd as people type them.
    digest = hashlib.sha256(name.strip().casefold().encode(errors="replace")).hexdigest()
    return [f"both:{digest}:{address[:100]}", f"address:{address[:100]}", f"name:{digest}"]


def _wait(row: FailedLogins) -> timedelta:
    over = row.count - _FREE[row.who.partition(":")[0]]
    return timedelta() if over < 0 else min(_FIRST * 2 ** min(over, 20), _LONGEST)
