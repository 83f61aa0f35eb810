"""Bodies of requests: JSON of bounded size and depth, plain or as gzip."""

from __future__ import annotations

import zlib
from typing import Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from registry.api.problems import TooLarge
from registry.classic import body
from registry.errors import Refused

LARGEST = 1024 * 1024
"""Bytes of a body, where a resource does not take more."""
DEEPEST = 32
_GZIP = 16 + zlib.MAX_WBITS


class BoundedJsonParser(BaseParser):
    """Reads ``application/json``; the view's ``largest_body`` bounds it."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The value. Raises TooLarge, UnsupportedMediaType, ParseError."""
        request: Request = parser_context["request"]
        check_size(request, parser_context["view"].largest_body)
        try:
            value = body.document(request._request)
        except Refused as error:
            raise ParseError(str(error)) from None
        if not parser_context["view"].deep_body:
            check_depth(value)
        return value


def check_size(request: Request, largest: int) -> None:
    """Refuse a body that is too large before a byte of it is read; one in gzip is unpacked, as far as it may be large."""
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMediaType(encoding[:20], "bodies are taken plain or as gzip")
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > largest:
        raise TooLarge(f"the body has {length} bytes; at most {largest} are taken here")
    if encoding == "gzip":
        request._request._body = unpacked(body.content(request._request), largest)


def unpacked(packed: bytes, largest: int) -> bytes:
    """What is in a gzip body. However much that claims to be, no more than ``largest`` bytes are made of it. TooLarge, ParseError."""
    unpack = zlib.decompressobj(_GZIP)
    try:
        plain = unpack.decompress(packed, largest + 1)
    except zlib.error:
        raise ParseError("body: not gzip, though Content-Encoding says so") from None
    if len(plain) > largest:
        raise TooLarge(f"the body has more than {largest} bytes when it is unpacked; no more are taken here")
    if not unpack.eof or unpack.unused_data:
        raise ParseError("body: its gzip data end early, or are followed by something else")
    return plain


def check_depth(value: Any) -> None:
    """Raises ParseError for what is nested deeper than anybody means."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ParseError(f"body: nested more than {DEEPEST} levels deep")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
