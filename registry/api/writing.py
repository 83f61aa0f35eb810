"""The base of all resources, and the decorator that declares an operation: what it takes, what it gives, and how it is shown.

    class Locks(Resource):
        @operation(body=LockWished, answer=LockShown, status=201)
        def create(self, call: Call) -> Any:
            \"\"\"Set a lock.\"\"\"
            return set_lock(call.body, call.caller)

    urlpatterns = [route("locks", Locks, {"post": "create"}, access=…)]

Body and query are checked against serializers that refuse unknown fields and wrong types; errors that services raise are told
as problem details; a POST with an idempotency key is carried out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any

from django.http import HttpResponseBase
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from registry import rights
from registry.api import idempotency
from registry.api.bodies import LARGEST
from registry.api.strict import Body, Query, values_of
from registry.api.problems import told
from registry.callers import Caller
from registry.errors import NotAuthenticated
from registry.placing import Asker


@dataclass
class Call:
    """One call: who, with which query and body, both checked; ``path`` are the variables of the address."""

    request: Request
    caller: Caller
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    path: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asker(self) -> Asker:
        """The caller as the services of requests want it."""
        return Asker(self.caller.name, self.caller.service, rights.has(self.caller.user, "operator", "registry"))

    def made(self, data: Any, location: str, *, new: bool = True) -> Response:
        """The answer to a POST that made something, or found what was made before: 201 or 200, with its address."""
        return Response(data, 201 if new else 200, headers={"Location": location})


class Resource(ViewSet):
    """Operations on one kind of thing. ``largest_body``: bytes; ``deep_body``: nested as deep as it likes; ``atomic``: see idempotency."""

    largest_body = LARGEST
    deep_body = False
    atomic = True
    access: Any = None
    limits: Mapping[str, str] = {}
    metadata_class = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, check rights and limits; then make a POST one that is carried out once."""
        super().initial(request, *args, **kwargs)
        if request.method not in ("GET", "HEAD", "OPTIONS") and request.auth is None:
            raise NotAuthenticated("this changes something: log in, or send a bearer token (Authorization: Bearer …)")
        if request.method == "POST" and hasattr(self, "post"):
            # DRF looks for the method's function after this.
            handler = self.post
            self.post = lambda *args, **kwargs: idempotency.once(
                request, partial(handler, *args, **kwargs), atomic=self.atomic
            )

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the headers on limits, and the methods there are to an answer that refuses one."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.limits.items():
            finished[name] = value
        return finished


def problem_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponseBase | None:
    """DRF's exception handler: problem details for every error that is known; others go on to Django's."""
    return told(error, context["request"])


def operation(
    *,
    query: type[Query] = Query,
    body: type[Body] | None = None,
    answer: Any = None,
    status: int = 200,
    also: Mapping[Any, Any] | None = None,
    **more: Any,
) -> Callable[[Callable[[Any, Call], Any]], Callable[..., HttpResponseBase]]:
    """Declare a method of a :class:`Resource`; it gets a :class:`Call` and returns what ``answer`` shows, or a response.

    ``answer``: a serializer class, or an instance (``many=True``); None: nothing comes back (204). ``also``: further responses
    by status. ``more`` goes to drf-spectacular's ``extend_schema``.
    """

    def decorate(function: Callable[[Any, Call], Any]) -> Callable[..., HttpResponseBase]:
        @wraps(function)
        def method(self: Resource, request: Request, **variables: Any) -> HttpResponseBase:
            call = Call(request, request.auth or Caller(request.user), path=variables)
            call.query = _checked(query, values_of(dict(request.query_params.lists()), _lists(query)))
            if body is not None:
                call.body = _checked(body, request.data)
            result = function(self, call)
            if isinstance(result, HttpResponseBase):
                return result
            return Response(None, 204) if answer is None else Response(shown(answer, result), status)

        says = (function.__doc__ or "").strip()
        responses = {204 if answer is None else status: answer, **(also or {})}
        return extend_schema(
            summary=says.split("\n")[0].rstrip("."), description=says, parameters=[query, *more.pop("parameters", [])],
            request=body, responses=responses, **more,
        )(method)  # fmt: skip

    return decorate


def shown(answer: Any, result: Any) -> Any:
    """``result`` as the serializer ``answer`` shows it; plain data stays as it is."""
    if isinstance(answer, serializers.ListSerializer):
        return [shown(type(answer.child), one) for one in result]
    if isinstance(result, dict | list):
        return result
    return answer(result).data


def route(
    address: str,
    resource: type[Resource],
    methods: dict[str, str],
    *,
    name: str = "",
    access: Any = None,
    **options: Any,
) -> URLPattern:
    """An address below ``/api/v1/`` with the resource's method for each HTTP method; ``access``: who may use it."""
    view = resource.as_view(methods, access=access, **options)
    view.access = access  # type: ignore[attr-defined]
    return path(f"api/v1/{address}", view, name=name or f"v1-{address.replace('/', '-')}")


def _lists(query: type[Query]) -> list[str]:
    return [name for name, one in query().fields.items() if isinstance(one, serializers.ListField)]


def _checked(kind: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    given = kind(data=data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
