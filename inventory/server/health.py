"""Whether the parts of the server work, as its threads find it; and how long a leader has given no sign of life."""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from django.db import DatabaseError

from inventory import database
from inventory.errors import InventoryUnavailable
from inventory.log_models import Leadership

_LOG = structlog.get_logger(__name__)


class Health:
    """One part of the server. The log has a line when its trouble begins and one when it ends, however often it is tried."""

    def __init__(self, part: str, first_pause: float = 1.0, longest_pause: float = 10.0) -> None:
        self.part = part
        self._first, self._longest = first_pause, longest_pause
        self._pause = first_pause
        self._lock = threading.Lock()
        self._trouble: dict[str, Any] | None = None

    @property
    def trouble(self) -> dict[str, Any] | None:
        """``reason``, and ``since`` when (UTC seconds); None when it works."""
        return self._trouble

    def failed(self, error: Exception) -> float:
        """It does not work; returns the seconds after which to try again, longer each time."""
        why = database.reason(error) if isinstance(error, DatabaseError) else str(error)
        with self._lock:
            pause, self._pause = self._pause, min(2 * self._pause, self._longest)
            if self._trouble is None:
                self._trouble = {"since": int(time.time()), "reason": why}
                _LOG.error("inventory_trouble_begins", part=self.part, reason=why)
            else:
                self._trouble = {**self._trouble, "reason": why}
        return pause

    def worked(self) -> None:
        """It works."""
        with self._lock:
            ended, self._trouble, self._pause = self._trouble, None, self._first
        if ended is not None:
            seconds = int(time.time()) - ended["since"]
            _LOG.info("inventory_trouble_ends", part=self.part, seconds=seconds, reason=ended["reason"])

    def require(self) -> None:
        """Refuse at once what cannot succeed now. Raises InventoryUnavailable."""
        trouble = self._trouble
        if trouble is not None:
            since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(trouble["since"]))
            raise InventoryUnavailable(f"{trouble['reason']} (since {since}); nothing was changed; try again later")


class Lease:
    """What a waiting server sees of the leader. Its own clock, not the leader's, tells how long there was no sign of life:
    neither clocks that differ nor a database that was away make a living leader look dead.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._signs: tuple[int, ...] = ()
        self.begin()

    def begin(self) -> None:
        """Count from now: nothing could be seen until now."""
        self._since = time.monotonic()

    def is_over(self, row: Leadership) -> bool:
        """Whether ``row``, as it is now, has not changed for the time of a lease."""
        if row.signs() != self._signs:
            self._signs = row.signs()
            self.begin()
        return time.monotonic() - self._since >= self._seconds
