"""The two envelopes of answers: ``{result, message, data}``, and under ``/phedexdata/`` that of the PhEDEx data service.

    {"phedex": {"call_time": …, "instance": "prod", "request_call": "inventory/blockreplicas", …, "block": […]}}

What PhEDEx had no call for, such as a list, is there under ``data``. Errors are the same in both: clients of either look at
the HTTP status and at ``message``.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from registry.api import answers

PHEDEX = "/phedexdata/"
_VERSION = "2.2.1"
_JSON = "application/json"
_FEW = 5  # texts of an answer with one part: head, begin of the list, the part, two ends


@dataclass(frozen=True)
class Streamed:
    """Data that may be large: the pieces of its JSON text. Of PhEDEx's calls it is an object."""

    pieces: Iterator[str]


def of_phedex(request: HttpRequest) -> bool:
    """Whether the call expects the envelope of PhEDEx."""
    return request.path.startswith(PHEDEX)


def dressed(request: HttpRequest, message: str, data: Any, began: float) -> HttpResponseBase:
    """The answer to a call that was done; ``data`` is left out when there is none. ``began``: ``time.monotonic`` of its begin."""
    head = _phedex(request, began) if of_phedex(request) else {"result": "OK", "message": message}
    if isinstance(data, Streamed):
        return _sent(request, head, data.pieces)
    if of_phedex(request):
        return JsonResponse({"phedex": head | (data if isinstance(data, dict) else {"data": data})})
    return JsonResponse(head if data is None else head | {"data": data})


def failed(status: HTTPStatus, message: str) -> JsonResponse:
    """The answer to a call that was not done."""
    return JsonResponse({"result": status.phrase, "message": message}, status=status)


def _sent(request: HttpRequest, head: dict[str, Any], pieces: Iterator[str]) -> HttpResponseBase:
    texts = _texts(head, pieces, of_phedex(request))
    # What goes wrong while the first rows are looked for is an error yet; and few rows are an answer of known length.
    first = list(itertools.islice(texts, _FEW + 1))
    if len(first) <= _FEW:
        return answers.whole(request, "".join(first).encode(), _JSON, {})
    return answers.streamed(request, (text.encode() for text in itertools.chain(first, texts)), _JSON, {})


def _texts(head: dict[str, Any], pieces: Iterator[str], phedex: bool) -> Iterator[str]:
    opened = json.dumps(head)[:-1]
    if not phedex:
        yield f'{opened}, "data": '
        yield from pieces
        yield "}"
        return
    data = next(pieces)
    yield f'{{"phedex": {opened}, {data[1:]}' if data[0] == "{" else f'{{"phedex": {opened}, "data": {data}'
    yield from pieces
    yield "}" if data[0] == "{" else "}}"


def _phedex(request: HttpRequest, began: float) -> dict[str, Any]:
    now = time.time()
    return {
        "call_time": round(time.monotonic() - began, 5), "instance": "prod",
        "request_call": request.path.removeprefix(PHEDEX),
        "request_date": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)), "request_timestamp": now,
        "request_url": request.build_absolute_uri(), "request_version": _VERSION,
    }  # fmt: skip
