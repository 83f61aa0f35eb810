"""Bodies of requests: JSON of bounded size and depth, uncompressed."""

from __future__ import annotations

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
    """Refuse a body that is too large, or compressed, before a byte of it is read."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # What is small here may be anything there.
        raise UnsupportedMediaType("compressed", "bodies are not taken compressed")
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > largest:
        raise TooLarge(f"the body has {length} bytes; at most {largest} are taken here")


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
