"""Lists as HTTP answers: a page with where the next begins, or all rows as a stream in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar
from urllib.parse import urlencode

import polars as pl
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request

from registry.api import cursors, encoding
from registry.api.asked import ROWS, Asked
from registry.api.formats import Format, json_rows
from registry.api.frames import Listed
from registry.api.places import Placed

_SLICE_ROWS = 20_000
_STREAM_ROWS = 100_000
"""Rows that are put in order at a time, where a stream has another order than the table."""

Headers = Mapping[str, str]
Response = TypeVar("Response", bound=HttpResponseBase)


def answered(request: Request, listed: Listed, asked: Asked, form: Format, headers: Headers) -> HttpResponseBase:
    """The list as ``asked``: JSON, and whatever has a limit or a cursor, is a page; else all rows are streamed."""
    if form.write is None or asked.is_page:
        return _page(request, listed, asked, form, headers)
    frames = listed.frames(None, _STREAM_ROWS)
    # Made before the answer begins: what goes wrong now can still be told.
    first = next(frames, None)
    rows = _sliced(first, frames) if first is not None else [_empty(asked)]
    return streamed(request, form.write(rows, asked.fields), form.media_type, headers, compress=form.compressible)


def streamed(
    request: Request, parts: Iterable[bytes], content_type: str, headers: Headers, compress: bool = True
) -> StreamingHttpResponse:
    """Parts of an answer as they come, compressed as the caller wants. An error on the way ends the connection: no whole answer.

    Raises Busy while too many are sent.
    """
    chosen = encoding.chosen(request.META.get("HTTP_ACCEPT_ENCODING", "")) if compress else ""
    placed = Placed(encoding.stream(parts, chosen))
    response = StreamingHttpResponse(placed, content_type=content_type, headers=dict(headers))
    # What stands in front must not collect it.
    response["X-Accel-Buffering"] = "no"
    return _encoded(response, chosen)


def whole(
    request: Request, data: bytes, content_type: str, headers: Headers, compress: bool = True, status: int = 200
) -> HttpResponse:
    """An answer that is all there, compressed as the caller wants."""
    chosen = encoding.chosen(request.META.get("HTTP_ACCEPT_ENCODING", "")) if compress else ""
    data, chosen = encoding.compressed(data, chosen)
    return _encoded(HttpResponse(data, status=status, content_type=content_type, headers=dict(headers)), chosen)


def _page(request: Request, listed: Listed, asked: Asked, form: Format, headers: Headers) -> HttpResponse:
    limit = asked.limit or ROWS
    after = cursors.read(asked.cursor, listed.order, listed.kinds) if asked.cursor else None
    rows, more = _taken(listed.frames(after, limit + 1), limit)
    address = None
    if rows is not None and more:
        address = _address(request, cursors.written(listed.order, rows.select(listed.columns).row(-1)))
    shown = _empty(asked) if rows is None else rows
    if form.write is not None:
        data = b"".join(form.write([shown], asked.fields))
        headers = {**headers, "Link": f'<{address}>; rel="next"'} if address else headers
    else:
        data = b'{"results":' + json_rows(shown, asked.fields) + b',"next":' + json.dumps(address).encode() + b"}"
    return whole(request, data, form.media_type, headers, form.compressible)


def _taken(frames: Iterator[pl.DataFrame], limit: int) -> tuple[pl.DataFrame | None, bool]:
    """The first rows, and whether there are more."""
    found: list[pl.DataFrame] = []
    number = 0
    for rows in frames:
        found.append(rows)
        number += rows.height
        if number > limit:
            break
    if not found:
        return None, False
    together = found[0] if len(found) == 1 else pl.concat(found)
    return together.head(limit), number > limit


def _sliced(first: pl.DataFrame, others: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield from first.iter_slices(_SLICE_ROWS)
    for rows in others:
        yield from rows.iter_slices(_SLICE_ROWS)


def _empty(asked: Asked) -> pl.DataFrame:
    kinds = {"integer": pl.Int64, "time": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean}
    return pl.DataFrame(schema={field.name: kinds.get(field.kind, pl.String) for field in asked.fields})


def _address(request: Request, cursor: str) -> str:
    given = [(name, value) for name, values in request.query_params.lists() for value in values if name != "cursor"]
    return f"{request.path}?{urlencode([*given, ('cursor', cursor)])}"


def _encoded(response: Response, chosen: str) -> Response:
    if chosen:
        response["Content-Encoding"] = chosen
    patch_vary_headers(response, ["Accept", "Accept-Encoding"])
    return response
