"""The body of a large POST: compressed beforehand, sent piece by piece, never whole in memory, and sent anew when tried again."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import httpx

from dynamo_client.errors import DynamoError

_PIECE = 256 * 1024
_IN_MEMORY = 4 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6


class Upload(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A JSON document as gzip. ``told(bytes so far, bytes in all)`` is called as the compressed bytes go out.

    Compressed first, into memory or if it is large into a file: the server wants to know the length before.
    """

    def __init__(self, document: Mapping[str, Any] | IO[bytes], told: Callable[[int, int], None] | None = None) -> None:
        self._told = told
        self._packed: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with this
        source = _encoded(document) if isinstance(document, Mapping) else iter(lambda: document.read(_PIECE), b"")
        self.size = _pack(source, self._packed)
        self.headers: Mapping[str, str] = {
            "Content-Type": "application/json", "Content-Encoding": "gzip", "Content-Length": str(self.size),
        }  # fmt: skip

    @classmethod
    def of_file(cls, path: Path, told: Callable[[int, int], None] | None = None) -> Upload:
        """Of the document in a file."""
        try:
            with path.open("rb") as file:
                return cls(file, told)
        except OSError as error:
            raise DynamoError(f"{path}: {error.strerror}") from None

    def __iter__(self) -> Iterator[bytes]:
        self._packed.seek(0)
        while piece := self._packed.read(_PIECE):
            yield piece
            if self._told is not None:
                self._told(self._packed.tell(), self.size)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Reading a file's next piece takes microseconds: not worth a thread.
        for piece in self:
            yield piece


def _encoded(document: Mapping[str, Any]) -> Iterator[bytes]:
    pending: list[str] = []
    length = 0
    for part in json.JSONEncoder().iterencode(document):
        pending.append(part)
        length += len(part)
        if length >= _PIECE:
            yield "".join(pending).encode()
            pending, length = [], 0
    yield "".join(pending).encode()


def _pack(source: Iterator[bytes], packed: IO[bytes]) -> int:
    # No name and no time in it: sent again, the bytes are the same, by which the server knows that the call is.
    pack = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in source:
        packed.write(pack.compress(piece))
    packed.write(pack.flush())
    return packed.tell()
