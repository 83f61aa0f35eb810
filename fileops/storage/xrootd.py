"""An XRootD server as a site's storage, through the Python binding of the XRootD client (the extra ``xrootd``)."""

from __future__ import annotations

import contextlib
import errno
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from fileops.errors import StorageError
from fileops.storage.base import CHUNK, Entry, Kind, checked
from fileops.storage.xrootd_client import PARTIAL, client, error_of, seconds, stopping_handler

# The server has none to tell, or its answer got lost: servers lose it when the same path is asked for again and again.
_NO_CHECKSUM = frozenset(
    {
        errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ETIMEDOUT, errno.EREMOTEIO,
        errno.EINPROGRESS,
    }
)  # fmt: skip


class XrootdStorage:
    """Files of the server at ``backend`` (``root://host:port//root/of/files``); ``locate`` maps an LFN to a path below that."""

    def __init__(self, site: str, backend: str, locate: Callable[[str], str]) -> None:
        url = urlsplit(backend)
        self.site = site
        self.endpoint = f"{url.scheme}://{url.netloc}"
        self._root = f"/{url.path.strip('/')}".rstrip("/")
        self._locate = locate
        self._xrootd = client(site)
        self._filesystem = self._xrootd.FileSystem(self.endpoint)

    def list(self, directory: str, timeout: float = 30.0) -> list[Entry]:
        flags = self._xrootd.flags.DirListFlags.STAT
        path = self._path(directory)
        status, listing = self._filesystem.dirlist(path, flags, timeout=seconds(timeout))
        self._ask((status, listing), directory)
        if status.code == PARTIAL:
            raise StorageError(errno.EREMOTEIO, f"{directory}: the servers listed only a part of it", self.site)
        found = {item.name: item.statinfo for item in listing}
        return [
            self._entry(name, info) if info is not None else self.stat(f"{directory}/{name}", timeout)
            for name, info in sorted(found.items())
        ]

    def stat(self, lfn: str, timeout: float = 30.0) -> Entry:
        found = self._ask(self._filesystem.stat(self._path(lfn), timeout=seconds(timeout)), lfn)
        return self._entry(lfn.rpartition("/")[2], found)

    def checksum(self, lfn: str, timeout: float = 600.0) -> int:
        code = self._xrootd.flags.QueryCode.CHECKSUM
        path = f"{self._path(lfn)}?cks.type=adler32"
        try:
            answer = self._ask(self._filesystem.query(code, path, timeout=seconds(timeout)), lfn)
        except StorageError as error:
            if error.code not in _NO_CHECKSUM:
                raise
            return self._read_checksum(lfn)
        algorithm, _, value = bytes(answer).rstrip(b"\0 \n").decode().partition(" ")
        if algorithm.lower() != "adler32":
            return self._read_checksum(lfn)
        return int(value, 16)

    def read(self, lfn: str, timeout: float = 60.0) -> Iterator[bytes]:
        with self._open(lfn, self._xrootd.flags.OpenFlags.READ, timeout) as file:
            offset = 0
            while chunk := self._ask(file.read(offset, CHUNK, timeout=seconds(timeout)), lfn):
                yield chunk
                offset += len(chunk)

    def write(self, lfn: str, chunks: Iterable[bytes], timeout: float = 60.0) -> int:
        flags = self._xrootd.flags.OpenFlags
        offset = 0
        with self._open(lfn, flags.NEW | flags.WRITE | flags.MAKEPATH, timeout) as file:
            for chunk in chunks:
                self._ask(file.write(chunk, offset, len(chunk), timeout=seconds(timeout)), lfn)
                offset += len(chunk)
            self._ask(file.sync(timeout=seconds(timeout)), lfn)
            kept = self._ask(file.stat(force=True, timeout=seconds(timeout)), lfn).size
        if kept != offset:
            # Servers take a write that ends in the middle for a success.
            text = f"{lfn}: the server kept {kept} of {offset} bytes; its disk is probably full"
            raise StorageError(errno.ENOSPC, text, self.site)
        return offset

    def rename(self, lfn: str, new: str, timeout: float = 30.0) -> None:
        # Servers differ in whether they replace; ask first.
        with self._passing_over(errno.ENOENT):
            self.stat(new, timeout)
            raise StorageError(errno.EEXIST, f"{new}: file exists", self.site)
        self._ask(self._filesystem.mv(self._path(lfn), self._path(new), timeout=seconds(timeout)), lfn)

    def remove(self, lfn: str, timeout: float = 30.0) -> None:
        # Servers remove an empty directory, too, when asked to remove a file of that name.
        if self.stat(lfn, timeout).kind == "directory":
            raise StorageError(errno.EISDIR, f"{lfn} is a directory", self.site)
        self._ask(self._filesystem.rm(self._path(lfn), timeout=seconds(timeout)), lfn)

    def mkdir(self, directory: str, timeout: float = 30.0) -> None:
        flags = self._xrootd.flags
        mode = (
            flags.AccessMode.UR | flags.AccessMode.UW | flags.AccessMode.UX | flags.AccessMode.GR | flags.AccessMode.GX
        )
        path = self._path(directory)
        made = self._filesystem.mkdir(path, flags.MkDirFlags.MAKEPATH, mode, timeout=seconds(timeout))
        with self._passing_over(errno.EEXIST):
            self._ask(made, directory)

    def rmdir(self, directory: str, timeout: float = 30.0) -> None:
        self._ask(self._filesystem.rmdir(self._path(directory), timeout=seconds(timeout)), directory)

    def url(self, lfn: str) -> str:
        return f"{self.endpoint}/{self._path(lfn)}"

    def copy_from(self, source: XrootdStorage, lfn: str, new: str, timeout: float, stopped: Callable[[], bool]) -> None:
        """Copy ``lfn`` of ``source`` here as ``new``, from server to server; through us where they cannot.

        EOPNOTSUPP when neither way is offered; ECANCELED when ``stopped()`` became true.
        """
        process = self._xrootd.CopyProcess()
        limit = seconds(timeout)
        process.add_job(
            source.url(lfn), self.url(new), mkdir=True, thirdparty="only",
            inittimeout=seconds(min(timeout, 60)), tpctimeout=limit, cptimeout=limit,
        )  # fmt: skip
        prepared = process.prepare()
        self._ask((prepared, None), new)
        status, _ = process.run(stopping_handler(stopped))
        if stopped():
            raise StorageError(errno.ECANCELED, f"{lfn}: not wanted any more", self.site)
        self._ask((status, None), new)

    def _read_checksum(self, lfn: str) -> int:
        value = 1
        for chunk in self.read(lfn):
            value = zlib.adler32(chunk, value)
        return value

    @contextlib.contextmanager
    def _open(self, lfn: str, flags: int, timeout: float) -> Iterator[Any]:
        access = self._xrootd.flags.AccessMode
        mode = access.UR | access.UW | access.GR | access.OR
        file = self._xrootd.File()
        self._ask(file.open(self.url(lfn), flags, mode, timeout=seconds(timeout)), lfn)
        try:
            yield file
        except BaseException:
            file.close(timeout=seconds(timeout))
            raise
        # A server may find out only now that it has no room.
        self._ask(file.close(timeout=seconds(timeout)), lfn)

    def _entry(self, name: str, found: Any) -> Entry:
        flags = self._xrootd.flags.StatInfoFlags
        kind: Kind = "directory" if found.flags & flags.IS_DIR else "other" if found.flags & flags.OTHER else "file"
        return Entry(name, kind, found.size, int(found.modtime))

    def _path(self, lfn: str) -> str:
        path = self._locate(checked(lfn, self.site))
        return self._root + checked(f"/{path.lstrip('/')}", self.site)

    def _ask(self, answer: tuple[Any, Any], lfn: str) -> Any:
        """The answer's content; raises its error."""
        status, content = answer
        if not status.ok:
            raise error_of(status, lfn, self.site)
        return content

    @contextlib.contextmanager
    def _passing_over(self, code: int) -> Iterator[None]:
        try:
            yield
        except StorageError as error:
            if error.code != code:
                raise
