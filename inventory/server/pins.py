"""Versions that readers elsewhere have open: each stays until its readers let go of it, or are not heard of for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from inventory.errors import VersionGone
from inventory.snapshot import Snapshot

PIN_SECONDS = 900.0
"""A version from which no reader has fetched anything for so long is let go: its readers may be gone."""


@dataclass
class _Pin:
    snapshot: Snapshot
    readers: int
    used: float


class Pins:
    """By version: the snapshot that readers fetch from."""

    def __init__(self) -> None:
        self._pins: dict[int, _Pin] = {}
        self._lock = threading.Lock()

    def open(self, snapshot: Snapshot) -> None:
        """One more reader has ``snapshot`` open."""
        with self._lock:
            pin = self._pins.setdefault(snapshot.version, _Pin(snapshot, 0, 0.0))
            pin.readers += 1
            pin.used = time.monotonic()

    def close(self, versions: Iterable[int]) -> None:
        """One reader of each of ``versions`` needs it no more."""
        with self._lock:
            for pin in [self._pins[version] for version in versions if version in self._pins]:
                pin.readers -= 1
                if pin.readers <= 0:
                    self._pins.pop(pin.snapshot.version, None)

    def snapshot(self, version: int) -> Snapshot:
        """An open version, used now. Raises VersionGone."""
        with self._lock:
            pin = self._pins.get(version)
            if pin is None:
                raise VersionGone(f"version {version} is not open here any more")
            pin.used = time.monotonic()
            return pin.snapshot

    def clean(self) -> None:
        """Let go of what nobody has used for long."""
        old = time.monotonic() - PIN_SECONDS
        with self._lock:
            self._pins = {version: pin for version, pin in self._pins.items() if pin.used >= old}

    def __len__(self) -> int:
        return len(self._pins)
