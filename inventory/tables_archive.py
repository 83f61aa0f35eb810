"""Files of a directory or a tar archive by name. Archives are read as a stream and never unpacked to disk."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from inventory.errors import ChangeRefused, Problem

MOST_BYTES = 8 * 1024**3
"""Largest archive, unpacked."""
_RATIO, _ALWAYS = 200, 64 * 1024**2
_PIECE = 1024 * 1024
_OPENERS: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)


class _TooLarge(OSError):
    """An archive unpacks to more than it may."""


class _Bounded:
    """A stream that gives no more than ``most`` bytes."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._left, self._most = stream, most, most

    def read(self, size: int) -> bytes:
        """The next bytes. Raises _TooLarge."""
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise _TooLarge(f"unpacked it has more than {self._most} bytes; load the directory that it was made from")
        return data


def read_sources(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Contents by file name of those of ``names`` that the directory or tar archive holds. Raises ChangeRefused."""
    try:
        if path.is_dir():
            return {name: (path / name).read_bytes() for name in names if (path / name).is_file()}
        return _from_archive(path, names)
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        raise ChangeRefused([Problem(str(path), f"cannot be read: {error}")]) from error


def _from_archive(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    most = min(MOST_BYTES, _ALWAYS + _RATIO * path.stat().st_size)
    with contextlib.ExitStack() as stack:
        stream: Any = _Bounded(stack.enter_context(_decompressed(path)), most)
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r|"))
        for member in archive:
            name = member.name.rsplit("/", maxsplit=1)[-1]
            if name not in names or not member.isfile() or member.issparse():
                continue
            if name in found:
                raise ChangeRefused([Problem(str(path), f"holds a second {name}: {member.name}")])
            content = archive.extractfile(member)
            found[name] = b"" if content is None else content.read()
            if len(found[name]) != member.size:
                raise EOFError(f"{member.name} is cut off after {len(found[name])} of {member.size} bytes")
        # A checksum stands at the end of what is compressed.
        while stream.read(_PIECE):
            pass
    return found


def _decompressed(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        start = stream.read(6)
    for magic, opener in _OPENERS:
        if start.startswith(magic):
            compressed: IO[bytes] = opener(path, "rb")
            return compressed
    return path.open("rb")
