"""Injections and invalidations: documents of metadata, queued or applied at once, and where each stands."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.urls import URLPattern
from rest_framework.request import Request
from rest_framework.response import Response

from registry import injections
from registry.access import Access
from registry.api.columns import by_name
from registry.api.rows import of_model, row_of
from registry.api.strict import Boolean, Query
from registry.api.writing import Call, Resource, listing, operation, route
from registry.errors import Refused
from registry.models import Injection

FIELDS = by_name(*of_model(
    Injection, "id", "kind", "state", "user", "service", "counts", "reason", "version", "asked", "ended", id=4, user="production",
))  # fmt: skip
_OBJECTS: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
DOCUMENT: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "minProperties": 1,
    "description": "Lists of what is to be added or removed; existing objects stay as they are.",
    "properties": {"dataset": _OBJECTS, "site": _OBJECTS, "group": _OBJECTS, "datasetreplica": _OBJECTS},
    "example": {
        "dataset": [{
            "name": "/Big/Run-v1/RAW", "status": "production", "blocks": [
                {"name": "b1", "files": [{"name": "/store/big/1.root", "size": 1000, "adler32": "0a1b2c3d", "site": "T2_CH_CERN"}]}
            ],
        }],
        "datasetreplica": [{"dataset": "/Big/Run-v1/RAW", "site": "T2_CH_CERN", "blockreplicas": [{"block": "b1"}]}],
    },
}  # fmt: skip


class Waited(Query):
    """Whether the answer waits until the document is in the inventory."""

    wait = Boolean(default=False, help_text="apply it now instead of queueing it; 503 when the turn does not come soon")


class Injections(Resource):
    """Documents of metadata to be added."""

    kind = "inject"
    address = "injections"
    largest_body = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    deep_body = True

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Applied at once, it is not only the database that changes."""
        self.atomic = "wait" not in request.query_params
        super().initial(request, *args, **kwargs)

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[Injection]:
        """Documents and where they stand, newest first."""
        return Injection.objects.filter(kind=self.kind)

    @operation(query=Waited, body=DOCUMENT, answer=FIELDS, status=202, also={201: FIELDS})
    def create(self, call: Call) -> HttpResponseBase:
        """Queue a document, to be applied in order; with `wait=true` it is in the inventory when the answer comes."""
        if not any(call.document.values() if isinstance(call.document, dict) else [call.document]):
            raise Refused(f"the document is empty; give some of {', '.join(DOCUMENT['properties'])}")
        serve = injections.apply_now if call.query["wait"] else injections.queue
        row = serve(call.asker, self.kind, call.document)
        headers = {"Location": f"/api/v1/{self.address}/{row.pk}"}
        if row.version is not None:
            headers["Dynamo-Version"] = str(row.version)
        return Response(row_of(row, FIELDS), 201 if call.query["wait"] else 202, headers=headers)

    @operation(answer=FIELDS)
    def show(self, call: Call) -> Injection:
        """Where one stands: queued, recorded, applied (with the inventory's version) or refused (with the reason)."""
        return call.one(Injection.objects.filter(kind=self.kind).defer("content"), f"there is no {self.address[:-1]}")


class Invalidations(Injections):
    """Documents of metadata to be removed."""

    kind = "delete"
    address = "invalidations"


def _routes(resource: type[Injections]) -> list[URLPattern]:
    return [
        route(
            resource.address, resource, {"get": "list", "post": "create"}, access=Access(change=("admin", "inventory"))
        ),
        route(f"{resource.address}/<int:number>", resource, {"get": "show"}, name=f"v1-{resource.address}-one"),
    ]


urlpatterns = [*_routes(Injections), *_routes(Invalidations)]
