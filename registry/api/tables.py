"""Lists of rows of a frame that was made for the call, such as the kept history of a cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import polars as pl
from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from inventory.snapshot import Snapshot
from registry.api import asked as asking
from registry.api.answers import answered
from registry.api.columns import Field, Fields
from registry.api.documented import listed
from registry.api.frames import of_frame
from registry.api.writing import Call, Method, Resource, says

_NOWHERE = Snapshot.from_frames({})
_ROW = "row"
_SAMPLES: Mapping[str, Any] = {
    "text": "", "choice": "", "integer": 1, "number": 1.0, "boolean": False, "time": 1_900_000_000, "json": {},
}  # fmt: skip


def field(name: str, kind: Any, description: str, example: Any = None, **more: Any) -> Field:
    """A field that is the frame's column of that name."""
    return Field(name, kind, description, _SAMPLES[kind] if example is None else example, column=name, **more)


def table(fields: Fields, **others: str) -> Callable[[Callable[[Any, Call], pl.DataFrame]], Method]:
    """Declare a method that gives a frame with the columns of ``fields``: filtered, ordered and shown as the call asks.

    ``others``: parameters besides the fields, with what they mean. Without an order the rows come as the frame has them.
    """

    def decorate(function: Callable[[Any, Call], pl.DataFrame]) -> Method:
        @wraps(function)
        def method(self: Resource, request: Request, **variables: Any) -> HttpResponseBase:
            asked = asking.asked(request._request, fields, tuple(others))
            found = function(self, Call.of(request, query=dict(asked.others or {}), path=variables))
            # Texts of a closed vocabulary are compared with any text that callers send.
            texts = found.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String)).with_row_index(_ROW)
            listing = of_frame(_NOWHERE, texts, asked, {_ROW: int})
            return answered(request, listing, asked, request.accepted_renderer, {})

        method.fields, method.others = fields, others  # type: ignore[attr-defined]
        return extend_schema(**says(function), **listed(fields, others))(method)

    return decorate
