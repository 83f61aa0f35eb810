"""What a call brings: query, form and JSON body as parameters, or a JSON document."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from registry.classic.parameters import check_storable
from registry.errors import Refused

_MOST_FIELDS = 20000
_MOST_DIGITS = 1000
# Escapes of characters that no database keeps; only then is it worth to look at every text of a document.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def content(request: HttpRequest, largest: int | None = None) -> bytes:
    """The body; Refused when it is larger than the installation allows, or than ``largest`` bytes."""
    limit = min(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, largest or settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    too_large = Refused(f"body: larger than {limit} bytes; send it in parts")
    # Before a byte of it is read: without that header there is no body.
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise too_large
    try:
        return request.body
    except RequestDataTooBig:
        raise too_large from None


def given(request: HttpRequest) -> dict[str, list[Any]]:
    """All values of all parameters, of query, form and JSON object together."""
    found = query(request)
    body = content(request)
    if not body.strip():
        return found
    if body.lstrip()[:1] in (b"{", b"["):
        values = document(request)
        if not isinstance(values, dict):
            raise Refused("body: has to be a JSON object of parameters")
        for name, value in values.items():
            # A list inside a list: so that one element is not taken for a text to be split.
            found.setdefault(name, []).append(value)
        return found
    for name, values in _form(request, body).items():
        found.setdefault(name, []).extend(values)
    return found


def query(request: HttpRequest) -> dict[str, list[Any]]:
    """All values of all parameters of the query."""
    return _fields("query", request.META.get("QUERY_STRING", ""))


def document(request: HttpRequest) -> Any:
    """The body as JSON, whatever its content type says."""
    body = content(request)
    try:
        value = json.loads(body, parse_constant=_no_constant, parse_int=_integer, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise Refused(f"body: not UTF-8: {error}") from None
    except RecursionError:
        raise Refused("body: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Refused(f"body: not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise Refused(f"body: not JSON: {error}") from None
    if _SUSPICIOUS.search(body):
        _check_texts(value)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits; at most {_MOST_DIGITS}")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON lets the last of two win; what the first said would be lost without a word.
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"{twice[:60]!r} is twice in one object")
    return found


def _check_texts(value: Any) -> None:
    waiting = [("body", value)]
    while waiting:
        where, inner = waiting.pop()
        if isinstance(inner, str):
            check_storable(where, inner)
        elif isinstance(inner, list):
            waiting.extend((f"{where}[{position}]", element) for position, element in enumerate(inner))
        elif isinstance(inner, dict):
            for key, element in inner.items():
                check_storable(where, key)
                waiting.append((f"{where}.{key}", element))


def _form(request: HttpRequest, body: bytes) -> dict[str, list[Any]]:
    if request.content_type == "multipart/form-data":
        try:
            return {name: list(values) for name, values in request.POST.lists()}
        except (MultiPartParserError, TooManyFieldsSent, TooManyFilesSent) as error:
            raise Refused(f"body: not a form: {error}") from None
    if request.content_type == "application/json":
        raise Refused("body: has to be a JSON object of parameters")
    try:
        return _fields("body", body.decode("ascii"))
    except UnicodeDecodeError:
        raise Refused("body: neither JSON nor a form") from None


def _fields(where: str, text: str) -> dict[str, list[Any]]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError as error:
        raise Refused(f"{where}: not UTF-8: {error}") from None
    except ValueError as error:
        raise Refused(f"{where}: {error}") from None
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
