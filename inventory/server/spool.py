"""The bytes of one change set as they come in: in memory while they are few, else in a file without a name on the disk."""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from inventory.errors import ChangeRefused, InventoryBusy, InventoryUnavailable, Problem

IN_MEMORY = 1024 * 1024
"""Bytes of a change set that are kept in memory; what is larger goes to the disk as a whole."""

_RETRY_SECONDS = 5.0


class SpoolRoom:
    """Room for ``total`` bytes of change sets in ``directory``, at most ``largest`` each."""

    def __init__(self, directory: Path, largest: int, total: int) -> None:
        self.directory, self.largest, self.total = directory, largest, total
        self._taken = 0
        self._lock = threading.Lock()

    @contextmanager
    def spool(self) -> Iterator[Spool]:
        """A place for one change set; its room is given back at the end, also when its sender is gone half-way."""
        spool = Spool(self)
        try:
            yield spool
        finally:
            spool.close()
            with self._lock:
                self._taken -= spool.size

    def take(self, size: int) -> None:
        """Raises InventoryBusy when other change sets have the room."""
        with self._lock:
            if self._taken + size > self.total:
                raise InventoryBusy("the change sets that wait take all the room there is for them", _RETRY_SECONDS)
            self._taken += size


class Spool:
    """One change set's bytes. Raises ChangeRefused for one that is too large, InventoryUnavailable on a full disk."""

    def __init__(self, room: SpoolRoom) -> None:
        self.size = 0
        self._room = room
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None

    def add(self, piece: bytes) -> None:
        """The next bytes."""
        largest = self._room.largest
        if self.size + len(piece) > largest:
            what = f"more than the {largest:,} bytes that the setting inventory.change_set_bytes allows; send several"
            raise ChangeRefused([Problem("change set", what)])
        self._room.take(len(piece))
        self.size += len(piece)
        try:
            self._kept(piece)
        except OSError as error:
            where = f"{self._room.directory} has no room for a change set of {self.size:,} bytes or more"
            raise InventoryUnavailable(f"{where}: {error}") from error

    def is_large(self) -> bool:
        """Whether it is on the disk."""
        return self._file is not None

    def content(self) -> bytes | mmap.mmap:
        """All bytes; of a large one mapped."""
        if self._file is None:
            return b"".join(self._pieces)
        self._file.flush()
        return mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Give memory and file back."""
        self._pieces = []
        if self._file is not None:
            self._file.close()

    def _kept(self, piece: bytes) -> None:
        if self._file is None and self.size <= IN_MEMORY:
            self._pieces.append(piece)
            return
        if self._file is None:
            self._room.directory.mkdir(parents=True, exist_ok=True)
            # It has no name: nothing is left of it, whoever dies. Unbuffered: a full disk is told where it is met.
            self._file = tempfile.TemporaryFile(dir=self._room.directory, buffering=0)  # noqa: SIM115 - it outlives this call
            for earlier in self._pieces:
                self._write(self._file, earlier)
            self._pieces = []
        self._write(self._file, piece)

    @staticmethod
    def _write(file: IO[bytes], piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) :]
