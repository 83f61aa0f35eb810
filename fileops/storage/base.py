"""What every kind of storage can do, and the names it may be asked for."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from fileops.errors import StorageError
from inventory.schema import MAX_LFN

CHUNK = 4 * 1024 * 1024
"""Bytes read or written at once."""

_TEMPORARY = ".dynamo-"


Kind = Literal["file", "directory", "other"]


@dataclass(frozen=True)
class Entry:
    """Something in a directory: base name, size in bytes, time of last change in UTC seconds."""

    name: str
    kind: Kind
    size: int
    modified: int


class Storage(Protocol):
    """One site's storage. Names are LFNs; time-outs are seconds; all raise :class:`StorageError`. Safe for threads."""

    site: str

    def list(self, directory: str, timeout: float = 30.0) -> list[Entry]:
        """What is in the directory, sorted by name; ENOENT when there is none."""

    def stat(self, lfn: str, timeout: float = 30.0) -> Entry:
        """The file or directory; ENOENT when there is none."""

    def checksum(self, lfn: str, timeout: float = 600.0) -> int:
        """Adler32 of the content as the storage has it."""

    def read(self, lfn: str, timeout: float = 60.0) -> Iterator[bytes]:
        """The content in chunks; ``timeout`` is for each."""

    def write(self, lfn: str, chunks: Iterable[bytes], timeout: float = 60.0) -> int:
        """Make the file, and directories above it, of ``chunks``; returns its size. EEXIST when it exists."""

    def rename(self, lfn: str, new: str, timeout: float = 30.0) -> None:
        """Give a file another name; EEXIST when that is taken."""

    def remove(self, lfn: str, timeout: float = 30.0) -> None:
        """Remove a file; ENOENT when there is none, EISDIR when it is a directory."""

    def mkdir(self, directory: str, timeout: float = 30.0) -> None:
        """Make a directory and those above it; no error when it exists."""

    def rmdir(self, directory: str, timeout: float = 30.0) -> None:
        """Remove an empty directory; ENOTEMPTY when something is in it."""

    def url(self, lfn: str) -> str:
        """The physical name."""


def checked(name: str, site: str) -> str:
    """``name`` if it can be an LFN of a file or directory; raises EINVAL for whatever could lead elsewhere."""
    parts = name.split("/")
    if not name.startswith("/") or any(part in ("", ".", "..") for part in parts[1:]):
        raise StorageError(errno.EINVAL, f"{name!r} is not an LFN: absolute, no empty part, no '.' and no '..'", site)
    # '?' begins XRootD's opaque information, '%' may be decoded on the way.
    if any(ord(character) < 32 or character in "?%\\\x7f" for character in name):
        raise StorageError(errno.EINVAL, f"{name!r} holds a character that no LFN has", site)
    if len(name) > MAX_LFN:
        raise StorageError(errno.ENAMETOOLONG, f"LFN of {len(name)} characters, at most {MAX_LFN}: {name[:80]}…", site)
    return name


def temporary_name(lfn: str, tag: str) -> str:
    """A name beside ``lfn`` for the time of its copy; ``tag`` tells copies of the same file apart."""
    directory, _, _ = lfn.rpartition("/")
    return f"{directory}/{_TEMPORARY}{tag}"


def is_temporary(name: str) -> bool:
    """Whether a base name is that of a copy under way."""
    return name.startswith(_TEMPORARY)
