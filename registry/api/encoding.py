"""Compression of answers as the header Accept-Encoding allows: zstd where it can be, else gzip; of streams as they go."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import pyarrow as pa

ENCODINGS = ("zstd", "gzip")
_WORTHWHILE = 1400
"""Bytes: what fits one packet is not made faster."""
_LEVELS = {"zstd": 3, "gzip": 4}


class Sink:
    """A file for writers that keeps what was written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def write(self, data: Any) -> int:
        """Add bytes."""
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        """How much was written so far."""
        return self._length

    def flush(self) -> None:
        """Nothing is held back."""

    def writable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """No."""
        return False

    def seekable(self) -> bool:
        """No."""
        return False

    def close(self) -> None:
        """Writers do so at the end; what was written stays."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def chosen(accepted: str) -> str:
    """The encoding for the header ``accepted``; "" for none."""
    wanted: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((text.removeprefix("q=") for text in parameters if text.startswith("q=")), "1")
        wanted[name] = _quality(quality)
    others = wanted.get("*", 0.0)
    best = max(ENCODINGS, key=lambda name: wanted.get(name, others))
    return best if wanted.get(best, others) > 0 else ""


def compressed(data: bytes, encoding: str) -> tuple[bytes, str]:
    """The whole of an answer and how it is encoded; as it is where that is not worth while."""
    if not encoding or len(data) < _WORTHWHILE:
        return data, ""
    return pa.Codec(encoding, _LEVELS[encoding]).compress(data, asbytes=True), encoding


def stream(parts: Iterable[bytes], encoding: str) -> Generator[bytes]:
    """Parts of an answer, each compressed and handed on as it comes."""
    if not encoding:
        yield from parts
        return
    sink = Sink()
    with pa.CompressedOutputStream(pa.PythonFile(sink, mode="w"), encoding) as writer:
        for part in parts:
            writer.write(part)
            writer.flush()
            if data := sink.taken():
                yield data
    if data := sink.taken():
        yield data


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
