"""What the OpenAPI schema says of lists and objects, from their fields: parameters, formats, answers, examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import polars as pl
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view

from registry.api.asked import LONGEST, MOST_ROWS, MOST_VALUES, ROWS, operators
from registry.api.columns import Field, Fields
from registry.api.formats import FORMATS, Json, json_rows
from registry.api.versions import HEADER

Shape = dict[str, Any]
View = TypeVar("View", bound=type[Any])

_TEXT: Shape = {"type": "string", "pattern": r"^[^\u0000]*$", "maxLength": LONGEST}
_VALUES: Mapping[str, Shape] = {
    "text": _TEXT, "json": _TEXT, "integer": {"type": "integer", "format": "int64"}, "number": {"type": "number", "format": "double"},
    "boolean": {"type": "boolean"}, "time": {"type": "string", "format": "date-time"},
}  # fmt: skip
_MEANING = {
    "in": "any of the values{globs}", "not": "none of the values{globs}", "gt": "more", "ge": "at least", "lt": "less",
    "le": "at most", "null": "whether there is none",
}  # fmt: skip
_VERSION: Shape = {"type": "integer", "format": "int64", "minimum": 0}


def _parameter(name: str, shape: Shape, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, shape, OpenApiParameter.QUERY, description=description, **more)


COMMON = [
    _parameter("at_version", _VERSION, "that version of the inventory, as long as it is kept; else the newest"),
    OpenApiParameter(
        HEADER,
        _VERSION,
        OpenApiParameter.HEADER,
        description="the version that the caller knows of: the answer is not older",
    ),
    OpenApiParameter(
        "If-None-Match",
        {"type": "string"},
        OpenApiParameter.HEADER,
        description="ETag of an answer that the caller has",
    ),
]
_NOT_MODIFIED = OpenApiResponse(description="The caller has the answer already.")


def documented(tag: str, summary: str, description: str, **others: str) -> Callable[[View], View]:
    """Decorate a view of ``reading.py``; ``others``: what its further parameters mean."""

    def decorate(view: View) -> View:
        fields: Fields = view.fields
        more = [_other(name, others[name]) for name in view.others]
        about: dict[str, Any] = {"summary": summary, "description": description, "tags": [tag]}
        if hasattr(view, "list"):
            parameters = [*_filters(fields), *more, *_page(fields), *COMMON]
            shown = extend_schema(
                parameters=parameters, responses=_list_answers(fields), examples=[_example(fields, True)], **about
            )
            return extend_schema_view(list=shown)(view)
        shown = extend_schema(
            parameters=[*more, _shown(fields), *COMMON], examples=[_example(fields, False)],
            responses={(200, Json.media_type): item(fields), 304: _NOT_MODIFIED}, **about,
        )  # fmt: skip
        return extend_schema_view(retrieve=shown)(view)

    return decorate


def listed(fields: Fields, others: Mapping[str, str]) -> dict[str, Any]:
    """What ``extend_schema`` is told of a list with these fields and other parameters."""
    more = [_other(name, says) for name, says in others.items()]
    return {
        "parameters": [*_filters(fields), *more, *_page(fields)], "responses": _list_answers(fields),
        "examples": [_example(fields, True)],
    }  # fmt: skip


def item(fields: Fields) -> Shape:
    """The schema of one row; what is not asked for is not in it."""
    return {
        "type": "object", "additionalProperties": False, "properties": {name: _property(field) for name, field in fields.items()},
    }  # fmt: skip


def _property(field: Field) -> Shape:
    shape = dict(_VALUES.get(field.kind, {"type": "string"}))
    shape.pop("pattern", None), shape.pop("maxLength", None)
    if field.kind == "json":
        return {"description": field.description}
    if field.choices:
        shape["enum"] = [*field.choices, *([None] if field.nullable else [])]
    if field.nullable or field.kind == "number":
        shape["type"] = [shape["type"], "null"]
    return {**shape, "description": f"{field.description}{f' ({field.unit})' if field.unit else ''}"}


def _list_answers(fields: Fields) -> dict[Any, Any]:
    page = {
        "type": "object", "required": ["results", "next"], "additionalProperties": False,
        "properties": {
            "results": {"type": "array", "items": item(fields)},
            "next": {"type": ["string", "null"], "description": "address of the next page; null on the last one"},
        },
    }  # fmt: skip
    binary = {"type": "string", "contentMediaType": "application/octet-stream"}
    found: dict[Any, Any] = {
        (200, form.media_type): {"type": "string"} if form.media_type == "text/csv" else binary for form in FORMATS[1:]
    }
    return {(200, Json.media_type): page, **found, 304: _NOT_MODIFIED}


def _filters(fields: Fields) -> list[OpenApiParameter]:
    return [
        _filter(field, operator) for field in fields.values() if field.filtered for operator in operators(field)
    ]  # fmt: skip


def _filter(field: Field, operator: str) -> OpenApiParameter:
    name = field.name if operator == "in" else f"{field.name}__{operator}"
    value = dict(
        _VALUES.get(field.kind, {"type": "string"}), **({"enum": list(field.choices)} if field.choices else {})
    )
    if operator == "null":
        value = _VALUES["boolean"]
    several = operator in ("in", "not")
    shape = {"type": "array", "items": value, "maxItems": MOST_VALUES} if several else value
    meaning = _MEANING[operator].format(globs=", or globs (* ? [abc])" if field.kind == "text" else "")
    return _parameter(
        name, shape, f"{field.description}: {meaning}", **({"explode": True, "style": "form"} if several else {})
    )


def _other(name: str, description: str) -> OpenApiParameter:
    return _parameter(
        name, {"type": "array", "items": _TEXT, "maxItems": MOST_VALUES}, description, explode=True, style="form"
    )


def _page(fields: Fields) -> list[OpenApiParameter]:
    ordered = [name for name, field in fields.items() if field.filtered and field.kind != "json"]
    order = [sign + name for name in ordered for sign in ("", "-")]
    return [
        _parameter(
            "order", {"type": "array", "items": {"type": "string", "enum": order}, "uniqueItems": True},
            "fields, `-` in front: largest first; no value counts as least", explode=False, style="form",
        ),
        _shown(fields),
        _parameter(
            "limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS},
            f"rows of the page; without it JSON has {ROWS}, the other formats all",
        ),
        _parameter("cursor", {"type": "string"}, "where the page begins: as in `next` of the page before"),
        _parameter(
            "format", {"type": "string", "enum": [form.format for form in FORMATS]}, "as the header Accept, for browsers"
        ),
    ]  # fmt: skip


def _shown(fields: Fields) -> OpenApiParameter:
    names = {"type": "array", "items": {"type": "string", "enum": list(fields)}}
    return _parameter("fields", names, "only these fields, in this order", explode=False, style="form")


def _example(fields: Fields, in_list: bool) -> OpenApiExample:
    row = json.loads(json_rows(_row(fields), tuple(fields.values())))[0]
    value = {"results": [row], "next": None} if in_list else row
    return OpenApiExample("example", value=value, media_type=Json.media_type, response_only=True, status_codes=["200"])


def _row(fields: Fields) -> pl.DataFrame:
    values = {
        name: json.dumps(field.example) if field.kind == "json" else field.example for name, field in fields.items()
    }
    return pl.DataFrame([values], infer_schema_length=None)
