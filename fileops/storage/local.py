"""A directory as a site's storage. No symbolic link below the root is followed, whoever made it and when."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from fileops.errors import StorageError, from_os_error
from fileops.storage.base import CHUNK, Entry, Kind, checked

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN = os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o644


class LocalStorage:
    """Files below ``root``. ``locate`` maps an LFN to a path relative to it.

    A ``root`` that is a directory *in* a mounted disk, not the mount point itself, is missed when the disk is not mounted.

    Paths are walked part by part from the root's descriptor, so that a link put in between at any time leads nowhere.
    """

    def __init__(self, site: str, root: Path, locate: Callable[[str], str]) -> None:
        self.site = site
        self.root = root
        self._locate = locate

    def list(self, directory: str, timeout: float = 30.0) -> list[Entry]:
        with self._errors(), self._directory(self._parts(directory)) as place, os.scandir(place) as found:
            return sorted((_entry(item.name, item.stat(follow_symlinks=False)) for item in found), key=_name)

    def stat(self, lfn: str, timeout: float = 30.0) -> Entry:
        with self._errors(), self._parent(lfn) as (place, name):
            return _entry(name, os.stat(name, dir_fd=place, follow_symlinks=False))

    def checksum(self, lfn: str, timeout: float = 600.0) -> int:
        value = 1
        for chunk in self.read(lfn):
            value = zlib.adler32(chunk, value)
        return value

    def read(self, lfn: str, timeout: float = 60.0) -> Iterator[bytes]:
        with self._errors(), self._parent(lfn) as (place, name):
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _PLAIN, dir_fd=place)
            with os.fdopen(descriptor, "rb", buffering=0) as stream:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise StorageError(errno.EISDIR, f"{lfn} is not a file", self.site)
                while chunk := stream.read(CHUNK):
                    yield chunk

    def write(self, lfn: str, chunks: Iterable[bytes], timeout: float = 60.0) -> int:
        with self._errors():
            parts = self._parts(lfn)
            with self._directory(parts[:-1], make=True) as place:
                descriptor = os.open(parts[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, _MODE, dir_fd=place)
                with os.fdopen(descriptor, "wb", buffering=0) as stream:
                    for chunk in chunks:
                        _write_all(stream.fileno(), chunk)
                    os.fsync(descriptor)
                    return os.fstat(descriptor).st_size

    def rename(self, lfn: str, new: str, timeout: float = 30.0) -> None:
        with self._errors(), self._parent(lfn) as (place, name), self._parent(new) as (new_place, new_name):
            # link() refuses to replace, rename() does not.
            os.link(name, new_name, src_dir_fd=place, dst_dir_fd=new_place, follow_symlinks=False)
            os.unlink(name, dir_fd=place)
            os.fsync(new_place)

    def remove(self, lfn: str, timeout: float = 30.0) -> None:
        with self._errors(), self._parent(lfn) as (place, name):
            if stat.S_ISDIR(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode):
                raise StorageError(errno.EISDIR, f"{lfn} is a directory", self.site)
            os.unlink(name, dir_fd=place)

    def mkdir(self, directory: str, timeout: float = 30.0) -> None:
        with self._errors(), self._directory(self._parts(directory), make=True):
            pass

    def rmdir(self, directory: str, timeout: float = 30.0) -> None:
        with self._errors(), self._parent(directory) as (place, name):
            os.rmdir(name, dir_fd=place)

    def url(self, lfn: str) -> str:
        return (self.root / "/".join(self._parts(lfn))).as_uri()

    def _parts(self, lfn: str) -> Sequence[str]:
        path = self._locate(checked(lfn, self.site))
        return checked(f"/{path.lstrip('/')}", self.site).split("/")[1:]

    @contextlib.contextmanager
    def _parent(self, lfn: str) -> Iterator[tuple[int, str]]:
        parts = self._parts(lfn)
        with self._directory(parts[:-1]) as place:
            yield place, parts[-1]

    @contextlib.contextmanager
    def _directory(self, parts: Sequence[str], make: bool = False) -> Iterator[int]:
        try:
            place = os.open(self.root, _DIRECTORY & ~os.O_NOFOLLOW)
        except FileNotFoundError:
            # Not ENOENT: nothing that was there is gone because its disk is not mounted.
            text = f"{self.root} is not there: is the site's storage mounted?"
            raise StorageError(errno.EHOSTDOWN, text, self.site) from None
        try:
            for part in parts:
                place = _step(place, part, make)
            yield place
        finally:
            os.close(place)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            if error.errno == errno.ELOOP:
                text = f"{error.filename!r} is a symbolic link; links are not followed"
                raise StorageError(errno.EPERM, text, self.site) from None
            raise from_os_error(error, self.site) from error


def _step(place: int, part: str, make: bool) -> int:
    """Descriptor of the directory ``part`` in ``place``, which is closed unless this fails."""
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=place)
    try:
        below = os.open(part, _DIRECTORY, dir_fd=place)
    except NotADirectoryError:
        # What O_DIRECTORY with O_NOFOLLOW says of a link, too.
        if stat.S_ISLNK(os.stat(part, dir_fd=place, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), part) from None
        raise
    os.close(place)
    return below


def _write_all(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _entry(name: str, status: os.stat_result) -> Entry:
    kind: Kind = "file" if stat.S_ISREG(status.st_mode) else "directory" if stat.S_ISDIR(status.st_mode) else "other"
    return Entry(name, kind, status.st_size, int(status.st_mtime))


def _name(entry: Entry) -> str:
    return entry.name
