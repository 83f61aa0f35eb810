"""Values that many pages ask for are made by one of them, at most every few seconds; the others get the last one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.conf import settings

Value = TypeVar("Value")
_PAUSES = 20.0
"""What takes long is made again only after so many times as long."""


@dataclass
class Kept(Generic[Value]):
    """The last value that ``make`` gave; errors are the caller's, and nothing is kept of them."""

    make: Callable[[], Value]
    _value: Value | None = None
    _until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> Value:
        """The value, ``OVERVIEW_SECONDS`` old at most, or older where it costs much; one caller makes it while the others wait."""
        with self._lock:
            if self._value is None or time.monotonic() >= self._until:
                began = time.monotonic()
                self._value = self.make()
                cost = time.monotonic() - began
                seconds = settings.OVERVIEW_SECONDS
                self._until = time.monotonic() + (max(seconds, _PAUSES * cost) if seconds else 0.0)
            return self._value
