"""The five formats of lists: JSON in pages; NDJSON, CSV, Parquet and Arrow streams also whole, piece by piece.

In: frames with a column for each field. Times are texts in the first three (RFC 3339), timestamps in the last two. CSV is safe to
open in a spreadsheet: a text that it would take for a formula has an apostrophe in front.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from inventory.spreadsheets import harmless
from registry.api.asked import wrong
from registry.api.columns import Field
from registry.api.encoding import Sink

_GROUP_ROWS = 100_000
"""Rows of a row group in Parquet."""
_FEW = 1000
"""Rows of which each can be looked at."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"

Frames = Iterable[pl.DataFrame]
Write = Callable[[Frames, Sequence[Field]], Iterator[bytes]]


def presented(rows: pl.DataFrame, fields: Sequence[Field]) -> pl.DataFrame:
    """Columns of a frame in the types that formats write: whole numbers wide, choices as texts, times as such, no NaN."""
    return rows.select(_PRESENTED.get(field.kind, _as_it_is)(pl.col(field.name)) for field in fields)


def plain(rows: pl.DataFrame, fields: Sequence[Field]) -> pl.DataFrame:
    """The same with times as texts."""
    # Without the engine for expressions, whose threads take longer than a page.
    return pl.DataFrame([_plain(rows[field.name], field) for field in fields])


def _plain(values: pl.Series, field: Field) -> pl.Series:
    if field.kind == "time":
        return _moments(values.cast(pl.Int64))
    return values.cast(_PLAIN[field.kind]) if field.kind in _PLAIN else values


def _moments(seconds: pl.Series) -> pl.Series:
    if len(seconds) > _FEW or seconds.null_count():
        return pl.from_epoch(seconds, "s").dt.strftime(_TIME)
    texts = np.datetime_as_string(seconds.to_numpy().astype("datetime64[s]"), timezone="UTC")
    return pl.Series(seconds.name, texts.tolist(), dtype=pl.String)


def json_rows(rows: pl.DataFrame, fields: Sequence[Field]) -> bytes:
    """The rows as a JSON list of objects."""
    if not any(field.kind == "json" for field in fields):
        return plain(rows, fields).write_json().encode()
    found = plain(rows, fields).to_dicts()
    nested = [field.name for field in fields if field.kind == "json"]
    for row in found:
        row.update((name, None if row[name] is None else json.loads(row[name])) for name in nested)
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()


def _ndjson(frames: Frames, fields: Sequence[Field]) -> Iterator[bytes]:
    for rows in frames:
        if rows.height and any(field.kind == "json" for field in fields):
            lines = json.loads(json_rows(rows, fields))
            text = "\n".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in lines)
            yield text.encode() + b"\n"
        elif rows.height:
            yield plain(rows, fields).write_ndjson().encode()


def csv(frames: Frames, fields: Sequence[Field]) -> Iterator[bytes]:
    """A line of names, then a line for each row; safe to open in a spreadsheet."""
    # Names can be anything, too: those of SQL are the caller's.
    names = pl.DataFrame([[field.name] for field in fields], [str(place) for place in range(len(fields))])
    yield names.with_columns(harmless(pl.all())).write_csv(include_header=False, line_terminator="\r\n").encode()
    for rows in frames:
        if rows.height:
            safe = plain(rows, fields).with_columns(harmless(pl.col(field.name)) for field in fields if _is_text(field))
            yield safe.write_csv(include_header=False, line_terminator="\r\n").encode()


def _parquet(frames: Frames, fields: Sequence[Field]) -> Iterator[bytes]:
    sink, schema = Sink(), _schema(fields)
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for group in _groups(frames):
            writer.write_table(_table(group, fields, schema))
            yield sink.taken()
    yield sink.taken()


def _arrow(frames: Frames, fields: Sequence[Field]) -> Iterator[bytes]:
    sink, schema = Sink(), _schema(fields)
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        for rows in frames:
            writer.write_table(_table(rows, fields, schema))
            yield sink.taken()
    yield sink.taken()


def _groups(frames: Frames) -> Iterator[pl.DataFrame]:
    """Small pieces together: a row group costs as much to read however few rows it has."""
    held: list[pl.DataFrame] = []
    for rows in frames:
        held.append(rows)
        if sum(part.height for part in held) >= _GROUP_ROWS:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def _schema(fields: Sequence[Field]) -> pa.Schema:
    return pa.schema([field.arrow for field in fields])


def _table(rows: pl.DataFrame, fields: Sequence[Field], schema: pa.Schema) -> pa.Table:
    return presented(rows, fields).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)


def _as_it_is(column: pl.Expr) -> pl.Expr:
    return column


def _is_text(field: Field) -> bool:
    return field.kind in ("text", "choice", "json")


def _moment(seconds: pl.Expr) -> pl.Expr:
    return pl.from_epoch(seconds.cast(pl.Int64), "s").dt.cast_time_unit("ms").dt.replace_time_zone("UTC")


_PRESENTED: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "text": lambda column: column.cast(pl.String), "choice": lambda column: column.cast(pl.String),
    "integer": lambda column: column.cast(pl.Int64), "number": lambda column: column.cast(pl.Float64).fill_nan(None),
    "time": _moment,
}  # fmt: skip
_PLAIN = {"text": pl.String, "choice": pl.String, "integer": pl.Int64, "number": pl.Float64}


class Format(BaseRenderer):
    """One format: ``write`` gives the bytes of a list's frames as they come; None: pages only."""

    charset = None
    write: Write | None = None
    compressible = True

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """What a view gives as it is (a single object, an answer to OPTIONS): as JSON."""
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False, default=str).encode()


class Json(Format):
    """A page."""

    media_type, format = "application/json", "json"


class NdJson(Format):
    """An object a line."""

    media_type, format = "application/x-ndjson", "ndjson"
    write = staticmethod(_ndjson)


class Csv(Format):
    """A line of names, then a line for each row."""

    media_type, format = "text/csv", "csv"
    write = staticmethod(csv)


class Parquet(Format):
    """A file of Parquet, compressed within."""

    media_type, format = "application/vnd.apache.parquet", "parquet"
    write = staticmethod(_parquet)
    compressible = False


class Arrow(Format):
    """A stream of Arrow's record batches."""

    media_type, format = "application/vnd.apache.arrow.stream", "arrow"
    write = staticmethod(_arrow)


FORMATS: tuple[type[Format], ...] = (Json, NdJson, Csv, Parquet, Arrow)


class Negotiation(DefaultContentNegotiation):
    """By the header Accept, or the parameter ``format`` where a browser cannot set it."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """The format and its media type. NotAcceptable, Invalid."""
        asked = request.query_params.getlist("format")
        if not asked:
            return super().select_renderer(request, renderers, format_suffix)
        found = [renderer for renderer in renderers if asked == [renderer.format]]
        if not found:
            known = ", ".join(renderer.format for renderer in renderers)
            raise wrong("format", f"there is no {', '.join(asked)[:60]!r}; there are {known}")
        return found[0], found[0].media_type
