"""The log of a program: one file, bounded, that is only ever appended to, so that an offset means the same for ever."""

from __future__ import annotations

import collections
from dataclasses import dataclass
from pathlib import Path

_TAIL_BYTES = 32768


@dataclass(frozen=True)
class Part:
    """Some of a log: ``text`` from byte ``offset`` on; ``next``: the offset to ask for next; ``ended``: the program has."""

    text: str
    offset: int
    next: int
    ended: bool


def part(path: Path, offset: int, most: int, ended: bool) -> Part:
    """At most ``most`` bytes from ``offset`` (negative: from the end) of the log at ``path``; empty while there is none."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            start = min(max(0, size + offset) if offset < 0 else offset, size)
            stream.seek(start)
            data = stream.read(max(1, most))
    except FileNotFoundError:
        return Part("", 0, 0, ended)
    # A character of several bytes is not cut in two, unless the log ends within it.
    whole = data if start + len(data) == size else data[: _whole(data)]
    return Part(whole.decode(errors="replace"), start, start + len(whole), ended)


def _whole(data: bytes) -> int:
    for back in range(1, min(4, len(data)) + 1):
        first = data[-back]
        if first < 0x80 or first >= 0xC0:
            length = 1 if first < 0x80 else 2 + (first >= 0xE0) + (first >= 0xF0)
            return len(data) if back >= length else len(data) - back or len(data)
    return len(data)


class BoundedLog:
    """Takes what a program writes: the first ``most`` bytes go into the file, of the others the last ones at the end."""

    def __init__(self, path: Path, most: int) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._stream = path.open("ab", buffering=0)
        self._left, self._most = most, most
        self._tail: collections.deque[bytes] = collections.deque()
        self._held = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        """More output. Raises OSError."""
        self.total += len(data)
        head, rest = data[: self._left], data[self._left :]
        self._left -= len(head)
        if head:
            self._stream.write(head)
        if rest:
            self._tail.append(rest)
            self._held += len(rest)
        while self._tail and self._held - len(self._tail[0]) >= _TAIL_BYTES:
            self._held -= len(self._tail.popleft())

    def note(self, text: str) -> None:
        """A line of ours: always kept."""
        self._stream.write(f"[dynamo] {text}\n".encode())

    def close(self) -> None:
        """Write what is left of the end."""
        tail = b"".join(self._tail)[-_TAIL_BYTES:]
        if tail:
            left_out = self.total - self._most - len(tail)
            self._stream.write(b"\n")
            self.note(f"the log is full: {left_out} bytes are left out here; what follows is the end")
            self._stream.write(tail + b"\n")
        self._stream.close()
