"""The newest version with change sets on top, each resolved on what those before it make. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.changes import ChangeSet
from inventory.image import Image
from inventory.log import Entry, Record
from inventory.resolve import resolve
from inventory.resolve.delta import Delta


@dataclass(frozen=True)
class _Step:
    version: int
    time: int
    delta: Delta


class Draft:
    """``image`` and what comes after it. The image of the last step is made only when somebody needs it: a commit is
    acknowledged before.
    """

    def __init__(self, image: Image, next_ids: dict[str, int]) -> None:
        self.next_ids = next_ids
        self.entries: tuple[Entry, ...] = ()
        self._image = image
        self._last: _Step | None = None

    def copy(self) -> Draft:
        """One that goes on from here and leaves this one as it is."""
        other = Draft(self._image, dict(self.next_ids))
        other.entries, other._last = self.entries, self._last
        return other

    @property
    def version(self) -> int:
        """Number of the last record."""
        return self._image.version if self._last is None else self._last.version

    @property
    def time(self) -> int:
        """Time of the last record, UTC seconds."""
        return self._image.time if self._last is None else self._last.time

    def image(self) -> Image:
        """The version that all of it makes."""
        if self._last is not None:
            self._image, self._last = self._image.after(self._last.delta, self._last.version, self._last.time), None
        return self._image

    def add(self, changes: ChangeSet, now: int) -> None:
        """Resolve ``changes`` at ``now`` and have them on top; an empty set makes no entry. Raises ChangeRefused."""
        if changes.is_empty():
            return
        delta = resolve(self.image().snapshot(), changes, now, self.next_ids)
        self.entries += (Entry(changes, delta, self.version + 1, now),)
        self._step(self.version + 1, now, delta)

    def follow(self, record: Record) -> None:
        """Have a record of the log on top."""
        self.image()
        self._step(record.sequence, record.time, record.delta)

    def _step(self, version: int, now: int, delta: Delta) -> None:
        self._last = _Step(version, now, delta)
        self.next_ids.update(delta.next_ids)
