"""The list of LFNs and directories that production is working in, from an address or a file of the installation."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from inventory import outward

_TIMEOUT_SECONDS = 30.0
_MOST_REDIRECTS = 5
_MOST_BYTES = 256 * 1024 * 1024


class ProtectedListError(RuntimeError):
    """The list cannot be had or cannot be trusted; nothing may be deleted without it."""


def fetch(source: str) -> frozenset[str]:
    """The LFNs of ``source`` (http(s) address or file; a JSON list or one a line); an empty source is no list at all."""
    if not source:
        return frozenset()
    try:
        text = _from_web(source) if source.startswith(("http://", "https://")) else Path(source).read_text()
    except (OSError, UnicodeDecodeError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProtectedListError(f"protected LFNs cannot be read from {source}: {error}; nothing is deleted") from error
    return _parsed(text, source)


def _from_web(address: str) -> str:
    with outward.followed(address, seconds=_TIMEOUT_SECONDS, most=_MOST_REDIRECTS) as answer:
        answer.raise_for_status()
        content = bytearray()
        for part in answer.iter_bytes():
            content += part
            if len(content) > _MOST_BYTES:
                raise ProtectedListError(f"{address} gives more than {_MOST_BYTES} bytes; nothing is deleted")
    return content.decode()


def _parsed(text: str, source: str) -> frozenset[str]:
    lines = _json_list(text, source) if text.lstrip().startswith(("[", "{")) else text.splitlines()
    names = {line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith("#")}
    wrong = [name for name in sorted(names) if not name.startswith("/")]
    if wrong:
        raise ProtectedListError(f"{source}: {wrong[0][:200]!r} is not an LFN; nothing is deleted")
    if not names:
        raise ProtectedListError(f"{source} lists no LFN at all, which cannot be right; nothing is deleted")
    return frozenset(names)


def _json_list(text: str, source: str) -> list[str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtectedListError(f"{source} is not valid JSON: {error}; nothing is deleted") from error
    names = value.get("protected") if isinstance(value, dict) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ProtectedListError(f"{source}: expected a JSON list of LFNs, or an object with one under 'protected'")
    return names
