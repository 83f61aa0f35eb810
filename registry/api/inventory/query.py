"""Read-only SQL over the inventory."""

from __future__ import annotations

import json
import threading
from typing import Any

import polars as pl
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request

from inventory.schema import TABLES
from inventory.sql import MAX_SQL, Bounds, query
from registry.api import asked as asking
from registry.api.answers import streamed, whole
from registry.api.asked import LONGEST, MOST_ROWS, wrong
from registry.api.columns import Field, Kind
from registry.api.documented import COMMON
from registry.api.formats import FORMATS, json_rows
from registry.api.frames import without_nan
from registry.api.reading import FromInventory
from registry.api.strict import Body, Integer, Text
from registry.api.versions import headers, snapshot_of
from registry.errors import Busy, NotAuthenticated

_BOUNDS = Bounds(memory=1024**3, seconds=60.0, rows=1_000_000)
_ROWS = 1000
_AT_ONCE = 1
_PATIENCE = 5.0
_SLICE = 20_000
_RUNNING = threading.BoundedSemaphore(_AT_ONCE)
_EXAMPLE = "SELECT status, count(*) AS number FROM datasets GROUP BY status"


class SqlBody(Body):
    """What is asked."""

    sql = Text(max_length=MAX_SQL, help_text="one SELECT")
    limit = Integer(min_value=1, max_value=_BOUNDS.rows, default=_ROWS, help_text="rows of the answer at most")


_ANSWER = {
    "type": "object", "required": ["results", "truncated"], "additionalProperties": False,
    "properties": {
        "results": {"type": "array", "items": {"type": "object"}},
        "truncated": {"type": "boolean", "description": "there are more rows than the limit"},
    },
}  # fmt: skip
_ANSWERS: dict[Any, Any] = {
    (200, form.media_type): _ANSWER if form.format == "json" else {"type": "string"} for form in FORMATS
}
_SHOWN = [
    OpenApiExample(
        "rows by status", value={"results": [{"status": "VALID", "number": 42}], "truncated": False}, response_only=True,
        media_type="application/json",
    ),
    OpenApiExample("a SELECT", value={"sql": _EXAMPLE}, request_only=True),
]  # fmt: skip
_ABOUT = (
    "The rows of one SELECT over the inventory's tables "
    f"({', '.join(TABLES)}), in the SQL of DuckDB. Nothing else can be reached; memory and time are bounded."
)


class Query(FromInventory):
    """``query``: by GET, or by POST where the SQL is long."""

    renderer_classes = FORMATS

    @extend_schema(
        summary="SQL", description=_ABOUT, responses=_ANSWERS, examples=_SHOWN,
        parameters=[
            OpenApiParameter("sql", {"type": "string", "maxLength": LONGEST}, required=True, description="one SELECT"),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}, description=f"rows at most; else {_ROWS}"),
            *COMMON,
        ],
    )  # fmt: skip
    def get_rows(self, request: Request, **variables: str) -> HttpResponseBase:
        """Rows of the SQL in the query."""
        asked = asking.asked(request, {}, ("sql",))
        sql = asked.only("sql")
        if not sql:
            raise wrong("sql", "missing: give one SELECT")
        return self._answer(request, sql, asked.limit or _ROWS, asked.at_version)

    @extend_schema(
        summary="SQL", description=_ABOUT, request=SqlBody, responses=_ANSWERS, examples=_SHOWN, parameters=COMMON[:2]
    )
    def post_rows(self, request: Request, **variables: str) -> HttpResponseBase:
        """Rows of the SQL in the body."""
        body = SqlBody(data=request.data)
        body.is_valid(raise_exception=True)
        version = asking.asked(request, {}).at_version
        return self._answer(request, body.validated_data["sql"], body.validated_data["limit"], version)

    def _answer(self, request: Request, sql: str, limit: int, version: int | None) -> HttpResponseBase:
        if request.auth is None:
            raise NotAuthenticated("SQL is for known users: log in, or send a bearer token (Authorization: Bearer …)")
        self.snapshot = snapshot_of(request, version)
        if not _RUNNING.acquire(timeout=_PATIENCE):
            raise Busy("another query runs just now")
        try:
            found = query(self.snapshot, sql, limit + 1, _BOUNDS)
        finally:
            _RUNNING.release()
        fields, rows = _written(found.head(limit))
        form, about = self.form(request), headers(self.snapshot)
        if form.write is not None:
            return streamed(
                request, form.write(rows.iter_slices(_SLICE), fields), form.media_type, about, form.compressible
            )
        more = json.dumps(found.height > limit).encode()
        data = b'{"results":' + json_rows(rows, fields) + b',"truncated":' + more + b"}"
        return whole(request, data, form.media_type, about)


def _written(found: pl.DataFrame) -> tuple[list[Field], pl.DataFrame]:
    """The rows in the types that formats know, with their fields."""
    pairs = [_column(column) for column in found.iter_columns()]
    return [field for field, _ in pairs], pl.DataFrame([column for _, column in pairs])


def _column(column: pl.Series) -> tuple[Field, pl.Series]:
    dtype = column.dtype
    if dtype == pl.Boolean:
        return _field(column, "boolean"), column
    if dtype.is_float():
        return _field(column, "number"), without_nan(column.cast(pl.Float64))
    if dtype.is_integer() or (isinstance(dtype, pl.Decimal) and not dtype.scale):
        narrow = column.cast(pl.Int64, strict=False)
        if narrow.null_count() == column.null_count():
            return _field(column, "integer"), narrow
    if isinstance(dtype, pl.Decimal):
        return _field(column, "number"), column.cast(pl.Float64)
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        texts = [None if value is None else str(value) for value in column.to_list()]
        return _field(column, "text"), pl.Series(column.name, texts, dtype=pl.String)
    return _field(column, "text"), column.cast(pl.String)


def _field(column: pl.Series, kind: Kind) -> Field:
    return Field(column.name, kind, "")
