"""Places for streams: whoever reads slowly keeps a thread of the web process for as long as that takes, and some have to be left."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

from registry.errors import Busy

PLACES = 4
"""Streams at a time in a process: half of the threads that docs/deployment.md gives it."""
_PATIENCE = 1.0
_AGAIN = 5
_FREE = threading.BoundedSemaphore(PLACES)


class Placed:
    """Parts of an answer that keep a place until they end, or are closed. Raises Busy when there is none for a second."""

    def __init__(self, parts: Generator[bytes]) -> None:
        self._parts, self._kept = parts, False
        if not _FREE.acquire(timeout=_PATIENCE):
            raise Busy(f"{PLACES} large answers are being sent just now, and no more go out at a time", _AGAIN)
        self._kept = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except BaseException:
            # Also at the end, which comes as an exception.
            self.close()
            raise

    def close(self) -> None:
        """End the parts, and give the place back; once more is no error."""
        self._parts.close()
        kept, self._kept = self._kept, False
        if kept:
            _FREE.release()

    def __del__(self) -> None:
        # An answer that nobody sent, as after an error in a middleware.
        self.close()
