"""One copy, one deletion: what is done to the bytes. No database; each can be repeated after dying at any point."""

from __future__ import annotations

import errno
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog

from fileops.errors import Side, StorageError
from fileops.storage.base import Entry, Storage, temporary_name

_log = structlog.get_logger(__name__)
_NO_THIRD_PARTY = frozenset({errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.ENOSYS})
_SLOWEST_READ = 10e6
_DESTINATION_ONLY = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True)
class Task:
    """What a mover does to one file. ``source`` is empty for deletions.

    ``tag`` is the batch's own, ``claim`` numbers the times that it was taken up: no temporary name is used twice.
    """

    id: int
    operation: str
    lfn: str
    size: int
    adler32: int | None
    source: str
    destination: str
    batch: int
    tag: str
    claim: int

    def temporary(self, claim: int) -> str:
        """The name the copy has until it is whole, at the batch's claim of that number."""
        return temporary_name(self.lfn, f"{self.tag}-{self.id}-{claim}")


@dataclass(frozen=True)
class Patience:
    """Seconds for one answer, and for the copy of a whole file; bytes from which servers copy among themselves."""

    answer: float
    copy: float
    third_party: int = 0

    def checksum(self, size: int) -> float:
        """Seconds in which a storage has read ``size`` bytes."""
        return min(self.copy, self.answer + size / _SLOWEST_READ)


def copy(task: Task, source: Storage, destination: Storage, patience: Patience, stopped: Callable[[], bool]) -> None:
    """Have the file at the destination, whole and verified, under its own name at once; raises :class:`StorageError`.

    A right file that is there already is left as it is, a wrong one is replaced when the right one is whole.
    ECANCELED when ``stopped()`` became true before that.
    """
    for claim in range(1, task.claim):
        _remove_if_there(destination, task.temporary(claim), patience)
    there = _found(destination, task.lfn, patience)
    if there is not None and _is_the_file(task, destination, there, patience):
        return
    expected = _checked_source(task, source, patience)
    temporary = task.temporary(task.claim)
    try:
        _transfer(task, source, destination, temporary, expected, patience, stopped)
        _verify(task, destination, temporary, expected, patience)
        if stopped():
            raise StorageError(errno.ECANCELED, f"{task.lfn}: not wanted any more", destination.site)
        if there is not None:
            destination.remove(task.lfn, patience.answer)
        destination.rename(temporary, task.lfn, patience.answer)
    except StorageError as error:
        _tidy(destination, temporary, patience)
        raise _with_side(error, source, destination) from error


def delete(task: Task, destination: Storage, patience: Patience) -> None:
    """Have the file gone; one that is not there is gone. Raises :class:`StorageError`."""
    try:
        destination.remove(task.lfn, patience.answer)
    except StorageError as error:
        if error.code != errno.ENOENT:
            raise error.at(Side.DESTINATION) from error


def _found(storage: Storage, lfn: str, patience: Patience) -> Entry | None:
    try:
        return storage.stat(lfn, patience.answer)
    except StorageError as error:
        if error.code != errno.ENOENT:
            raise error.at(Side.DESTINATION) from error
        return None


def _is_the_file(task: Task, storage: Storage, there: Entry, patience: Patience) -> bool:
    if there.kind != "file":
        raise StorageError(errno.EEXIST, f"{task.lfn}: exists and is no file", storage.site, Side.DESTINATION)
    if there.size != task.size or task.adler32 is None:
        return False
    try:
        return storage.checksum(task.lfn, patience.checksum(task.size)) == task.adler32
    except StorageError as error:
        raise error.at(Side.DESTINATION) from error


def _checked_source(task: Task, source: Storage, patience: Patience) -> int:
    """The checksum that the copy must have, of a source that looks right from outside."""
    try:
        there = source.stat(task.lfn, patience.answer)
        if there.kind != "file" or there.size != task.size:
            text = (
                f"{task.lfn}: {there.kind} of {there.size} bytes at {source.site}; the inventory has {task.size} bytes"
            )
            raise StorageError(errno.EIO, text, source.site)
        return source.checksum(task.lfn, patience.checksum(task.size)) if task.adler32 is None else task.adler32
    except StorageError as error:
        raise error.at(Side.SOURCE) from error


def _transfer(
    task: Task, source: Storage, destination: Storage, temporary: str, expected: int, patience: Patience,
    stopped: Callable[[], bool],
) -> None:  # fmt: skip
    from fileops.storage.xrootd import XrootdStorage

    large = task.size >= patience.third_party
    if large and isinstance(source, XrootdStorage) and isinstance(destination, XrootdStorage):
        try:
            destination.copy_from(source, task.lfn, temporary, patience.copy, stopped)
        except StorageError as error:
            if error.code not in _NO_THIRD_PARTY:
                raise _of_third_party(error) from error
            _remove_if_there(destination, temporary, patience)
        else:
            return
    chunks = _until_stopped(source.read(task.lfn, patience.answer), stopped, task, source.site)
    destination.write(temporary, _checked(chunks, task, expected), patience.answer)


def _until_stopped(chunks: Iterator[bytes], stopped: Callable[[], bool], task: Task, site: str) -> Iterable[bytes]:
    for chunk in chunks:
        if stopped():
            raise StorageError(errno.ECANCELED, f"{task.lfn}: not wanted any more", site)
        yield chunk


def _checked(chunks: Iterable[bytes], task: Task, expected: int) -> Iterator[bytes]:
    """The chunks; at their end EIO when the source gave something else than the file."""
    value = 1
    for chunk in chunks:
        value = zlib.adler32(chunk, value)
        yield chunk
    if value != expected:
        text = f"{task.lfn}: checksum mismatch: adler32 {value:08x} at {task.source}, {expected:08x} is right"
        raise StorageError(errno.EIO, text, task.source, Side.SOURCE)


def _verify(task: Task, destination: Storage, temporary: str, expected: int, patience: Patience) -> None:
    """Ask the destination for what it has: whatever went wrong on the way shows there."""
    there = destination.stat(temporary, patience.answer)
    if there.size != task.size:
        text = f"{task.lfn}: {there.size} of {task.size} bytes arrived"
        raise StorageError(errno.EIO, text, "", Side.TRANSFER)
    found = destination.checksum(temporary, patience.checksum(task.size))
    if found != expected:
        text = f"{task.lfn}: checksum mismatch: adler32 {found:08x} arrived from {task.source}, {expected:08x} is right"
        raise StorageError(errno.EIO, text, "", Side.TRANSFER)


def _of_third_party(error: StorageError) -> StorageError:
    """The destination reports what went wrong at either end; only some codes tell which it was."""
    if error.code in _DESTINATION_ONLY:
        return error.at(Side.DESTINATION)
    return StorageError(error.code, error.text, "", Side.TRANSFER)


def _with_side(error: StorageError, source: Storage, destination: Storage) -> StorageError:
    sides = {source.site: Side.SOURCE, destination.site: Side.DESTINATION}
    return error.at(sides.get(error.site, error.side))


def _remove_if_there(storage: Storage, lfn: str, patience: Patience) -> None:
    try:
        storage.remove(lfn, patience.answer)
    except StorageError as error:
        if error.code != errno.ENOENT:
            raise error.at(Side.DESTINATION) from error


def _tidy(storage: Storage, lfn: str, patience: Patience) -> None:
    """Remove what a failed copy left; that it failed is what matters, so this may fail, too."""
    try:
        _remove_if_there(storage, lfn, patience)
    except StorageError as error:
        _log.warning("copy left behind", site=storage.site, lfn=lfn, error=str(error))
