"""``/api/v1/``: the resources of all components, the schema, and its documentation, served without any foreign host."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path, re_path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from consistency import resources as consistency
from dealer import resources as dealer
from detox import resources as detox
from dynamo_site import resources as site
from fileops import resources as fileops
from registry import resources as registry
from registry.access import ANYONE, PUBLIC, Access, declared
from registry.api.inventory import urls as inventory
from registry.api.problems import KINDS, PREFIX, no_such_resource
from registry.api.writing import Call, Resource, operation, route
from registry.errors import NotThere

# Redoc makes its style in the page.
_REDOC_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class Root(serializers.Serializer[Any]):
    """Addresses of the resources by name."""

    resources = serializers.DictField(child=serializers.CharField())


class Index(Resource):
    """Where everything is."""

    @operation(answer=Root)
    def show(self, call: Call) -> dict[str, Any]:
        """Addresses of all resources that need no more than their name."""
        found = {str(pattern.pattern).removeprefix("api/v1/") for pattern in RESOURCES}
        return {"resources": {name: f"/api/v1/{name}" for name in sorted(found) if name and "<" not in name}}


class ProblemKind(serializers.Serializer[Any]):
    """What a kind of problem means."""

    type = serializers.CharField()
    status = serializers.IntegerField()
    title = serializers.CharField()
    meaning = serializers.CharField()


class Problems(Resource):
    """The kinds of problems that answers name in ``type``."""

    @operation(answer=ProblemKind(many=True))
    def list(self, call: Call) -> list[dict[str, Any]]:
        """All kinds of problems."""
        return [_kind(name) for name in KINDS]

    @operation(answer=ProblemKind)
    def show(self, call: Call) -> dict[str, Any]:
        """One kind of problem."""
        if call.path["name"] not in KINDS:
            raise NotThere(f"there is no kind of problem called {call.path['name'][:100]}")
        return _kind(call.path["name"])


def _kind(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    return {"type": PREFIX + name, "status": int(kind.status), "title": kind.title, "meaning": kind.meaning}


@lru_cache(maxsize=1)
def schema_text() -> bytes:
    """The OpenAPI schema as JSON: the same as long as the process lives, and seconds of work."""
    return json.dumps(SchemaGenerator().get_schema(request=None, public=True)).encode()


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI schema, as JSON."""
    return HttpResponse(schema_text(), content_type="application/json")


@require_safe
@ensure_csrf_cookie
def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI: reading, and trying out with the session of the browser."""
    return render(request, "api/swagger.html", {"schema": reverse("v1-schema")})


@require_safe
@never_cache
def redoc(request: HttpRequest) -> HttpResponse:
    """Redoc: reading."""
    response = render(request, "api/redoc.html", {"schema": reverse("v1-schema")})
    response["Content-Security-Policy"] = _REDOC_POLICY
    return response


RESOURCES: list[URLPattern] = [
    route("", Index, {"get": "show"}, name="v1"),
    route("problems", Problems, {"get": "list"}),
    route("problems/<str:name>", Problems, {"get": "show"}, name="v1-problem"),
    *inventory.RESOURCES,
    *registry.urlpatterns,
    *fileops.urlpatterns,
    *detox.urlpatterns,
    *dealer.urlpatterns,
    *consistency.urlpatterns,
    *site.urlpatterns,
]
urlpatterns: list[URLPattern | URLResolver] = [
    *RESOURCES,
    *declared(Access(PUBLIC), [
        path("api/v1/schema", schema, name="v1-schema"),
        path("api/v1/docs", swagger, name="v1-docs"),
        path("api/v1/redoc", redoc, name="v1-redoc"),
    ]),
    *declared(Access(ANYONE, ANYONE, note="there is nothing"), [
        re_path(r"^api(?:/|$)", no_such_resource, name="no-such-resource"),
    ]),
]  # fmt: skip
"""To stand before all others: nothing else is below ``/api/``."""
