"""Views of what is read: lists and single objects, from a version of the inventory.

    class Sites(InventoryList):
        fields = by_name(*of_table("sites", "name", "status"))

        def listed(self, snapshot: Snapshot, asked: Asked) -> Listed:
            return of_table(snapshot, "sites", self.fields, asked)

    route("sites", Sites, {"get": "list"}, access=…)

A list gives pages or streams in the formats of ``formats.py``; an answer that the caller has already (If-None-Match) costs
neither a look at the rows nor their writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from rest_framework.request import Request

from inventory.snapshot import Snapshot
from registry.api import asked as asking
from registry.api.answers import answered, whole
from registry.api.asked import Asked
from registry.api.columns import Field, Fields
from registry.api.formats import FORMATS, Format, Json, Negotiation, json_rows
from registry.api.frames import Listed
from registry.api.versions import HEADER, headers, is_known, snapshot_of, tag
from registry.api.writing import Resource
from registry.errors import NotThere


class FromInventory(Resource):
    """What all resources that are read from a snapshot share; every answer tells its version."""

    content_negotiation_class = Negotiation
    snapshot: Snapshot | None = None
    fields: Fields = {}
    others: tuple[str, ...] = ()
    """Parameters besides those that follow from the fields."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tell the version also where the answer is a problem."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        if self.snapshot is not None:
            finished.headers.setdefault(HEADER, str(self.snapshot.version))
        return finished

    def opened(self, request: Request, version: int | None) -> tuple[Snapshot, str, HttpResponse | None]:
        """The snapshot, the tag of its answers, and the answer if the caller has that already."""
        self.snapshot = snapshot_of(request, version)
        etag = tag(self.snapshot, self.form(request).format)
        if is_known(request, etag):
            return self.snapshot, etag, HttpResponse(status=304, headers=dict(headers(self.snapshot, etag)))
        return self.snapshot, etag, None

    def form(self, request: Request) -> Format:
        """The format that was chosen."""
        form: Format = request.accepted_renderer
        return form


class InventoryList(FromInventory):
    """A list."""

    renderer_classes = FORMATS

    def listed(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """The rows; ``variables``: of the address. Raises NotThere, Invalid."""
        raise NotImplementedError

    def list(self, request: Request, **variables: str) -> HttpResponseBase:
        """A page, or all rows."""
        asked = asking.asked(request, self.fields, self.others)
        snapshot, etag, known = self.opened(request, asked.at_version)
        if known is not None:
            return known
        listed = self.listed(snapshot, asked, **variables)
        return answered(request, listed, asked, self.form(request), headers(snapshot, etag))


class InventoryObject(FromInventory):
    """One row by its name."""

    renderer_classes: Sequence[type[Format]] = (Json,)

    def found(self, snapshot: Snapshot, asked: Asked, **variables: str) -> Listed:
        """A list that has the row, alone. Raises NotThere."""
        raise NotImplementedError

    def retrieve(self, request: Request, **variables: str) -> HttpResponseBase:
        """The object with its fields."""
        asked = asking.asked(request, {name: _shown_only(field) for name, field in self.fields.items()}, self.others)
        snapshot, etag, known = self.opened(request, asked.at_version)
        if known is not None:
            return known
        rows = next(self.found(snapshot, asked, **variables).frames(None, 1), None)
        if rows is None:
            raise NotThere(f"there is no {' '.join(variables.values())[:200]!r} in version {snapshot.version}")
        return whole(request, json_rows(rows.head(1), asked.fields)[1:-1], Json.media_type, headers(snapshot, etag))


def _shown_only(field: Field) -> Field:
    return replace(field, filtered=False)
