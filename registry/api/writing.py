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
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpResponseBase
from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from registry import audit, rights
from registry.access import Access
from registry.api import asked as asking
from registry.api import idempotency
from registry.api.answers import answered
from registry.api.bodies import LARGEST
from registry.api.columns import Fields
from registry.api.documented import item, listed
from registry.api.formats import FORMATS, Negotiation
from registry.api.joined import Joined
from registry.api.problems import told
from registry.api.rows import of_rows, row_of
from registry.api.strict import Body, Query, values_of
from registry.asking import Asker
from registry.callers import Caller, caller_of
from registry.errors import NotThere

ACCEPTED: Mapping[str, Any] = {
    "type": "object", "required": ["queued"], "additionalProperties": False,
    "properties": {"queued": {"type": "string", "description": "the task that a worker does; see `/api/v1/jobs` and `/api/v1/runs`"}},
}  # fmt: skip
"""What is answered when a worker is to do it."""


Row = TypeVar("Row", bound=Model)


@dataclass
class Call:
    """One call: who, with which query and body, both checked; ``path`` are the variables of the address."""

    request: Request
    caller: Caller
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    path: Mapping[str, Any] = field(default_factory=dict)
    document: Any = None

    @classmethod
    def of(cls, request: Request, **given: Any) -> Call:
        """The call that a request is."""
        # Also nobody known calls from somewhere.
        return cls(request, request.auth or caller_of(request._request), **given)

    @property
    def asker(self) -> Asker:
        """The caller as the services of requests want it."""
        return Asker(self.caller.name, self.caller.service, rights.has(self.caller, "operator", "registry"))

    def require(self, role: str, target: str, **limits: Any) -> None:
        """Raise Denied unless the caller has ``role`` on ``target``; ``limits``: of which site or group."""
        rights.require(self.caller, role, target, **limits)

    def record(
        self, action: str, target: str, before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None
    ) -> None:
        """Note a change of the caller's in the audit log, where the service that made it does not."""
        audit.record(self.caller, action, target, before, after)

    def one(self, rows: QuerySet[Row], called: str, more: str = "") -> Row:
        """That of ``rows`` whose number the address has; ``called``, ``more``: for the error. Raises NotThere."""
        row = rows.filter(pk=self.path["number"]).first()
        if row is None:
            raise NotThere(f"{called} {self.path['number']}{more}")
        return row

    def made(self, data: Any, location: str, *, new: bool = True) -> Response:
        """The answer to a POST that made something, or found what was made before: 201 or 200, with its address."""
        return Response(data, 201 if new else 200, headers={"Location": location})


class Resource(ViewSet):
    """Operations on one kind of thing. ``largest_body``: bytes; ``deep_body``: nested as deep as it likes; ``reads``: of the address, see access; ``atomic``, ``secrets``: see idempotency."""

    largest_body = LARGEST
    deep_body = False
    atomic = True
    reads = False
    secrets: tuple[str, ...] = ()
    limits: Mapping[str, str] = {}
    metadata_class = None
    content_negotiation_class = Negotiation

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate and count the call; then make a POST one that is carried out once."""
        super().initial(request, *args, **kwargs)
        # What changes nothing can be done again, and would hold the transaction for as long as it takes.
        if request.method == "POST" and not self.reads and hasattr(self, "post"):
            # DRF looks for the method's function after this.
            handler: Callable[..., HttpResponseBase] = getattr(self, "post")  # noqa: B009 - the class has none
            self.post = lambda *args, **kwargs: idempotency.once(
                request, partial(handler, *args, **kwargs), atomic=self.atomic, secrets=self.secrets
            )

    def get_renderers(self) -> list[Any]:
        """Lists of rows have all formats, everything else is JSON."""
        if hasattr(getattr(self, self.action or "", None), "fields"):
            return [form() for form in FORMATS]
        return super().get_renderers()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the headers on limits, and the methods there are to an answer that refuses one."""
        finished = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.limits.items():
            finished[name] = value
        return finished


def problem_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponseBase | None:
    """DRF's exception handler: problem details for every error that is known; others go on to Django's."""
    return told(error, context["request"])


Method = Callable[..., HttpResponseBase]


def operation(
    *, query: type[Query] = Query, body: type[Body] | Mapping[str, Any] | None = None, answer: Any = None, status: int = 200, also: Mapping[Any, Any] | None = None,
) -> Callable[[Callable[[Any, Call], Any]], Method]:  # fmt: skip
    """Declare a method of a :class:`Resource`; it gets a :class:`Call` and returns what ``answer`` shows, or a response.

    ``body``: a serializer, or the JSON schema of a document that the service itself reads (``call.document``).
    ``answer``: fields of a row, a serializer class, or an instance of one (``many=True``); None: nothing comes back (204).
    ``also``: further responses by status.
    """

    def decorate(function: Callable[[Any, Call], Any]) -> Method:
        @wraps(function)
        def method(self: Resource, request: Request, **variables: Any) -> HttpResponseBase:
            call = Call.of(request, path=variables)
            call.query = _checked(query, values_of(dict(request.query_params.lists()), _lists(query)))
            if isinstance(body, Mapping):
                call.document = request.data
            elif body is not None:
                call.body = _checked(body, request.data)
            result = function(self, call)
            if isinstance(result, HttpResponseBase):
                return result
            return Response(None, 204) if answer is None else Response(shown(answer, result), status)

        responses = {204 if answer is None else status: answer, **(also or {})}
        told_of = {_code(code): _schema(one) for code, one in responses.items()}
        return extend_schema(
            **says(function),
            parameters=[] if query is Query else [query],
            request={"application/json": body} if isinstance(body, Mapping) else body,
            responses=told_of,
        )(method)

    return decorate


def listing(fields: Fields, **others: str) -> Callable[[Callable[[Any, Call], QuerySet[Any] | Joined]], Method]:
    """Declare a method called ``list`` that gives a query set (or that with what has left the database): filtered, ordered and shown as the call asks.

    ``others``: parameters besides the fields, with what they mean; the call's ``query`` has lists of the texts that were given.
    Without an order the newest rows come first.
    """

    def decorate(function: Callable[[Any, Call], QuerySet[Any] | Joined]) -> Method:
        @wraps(function)
        def method(self: Resource, request: Request, **variables: Any) -> HttpResponseBase:
            asked = asking.asked(request._request, fields, tuple(others))
            found = function(self, Call.of(request, query=dict(asked.others or {}), path=variables))
            rows = found.listed(asked) if isinstance(found, Joined) else of_rows(found, asked)
            return answered(request, rows, asked, request.accepted_renderer, {})

        method.fields, method.others = fields, others  # type: ignore[attr-defined]
        return extend_schema(**says(function), **listed(fields, others))(method)

    return decorate


def shown(answer: Any, result: Any) -> Any:
    """``result`` as ``answer`` shows it; plain data stays as it is."""
    if isinstance(answer, serializers.ListSerializer):
        return [shown(type(answer.child), one) for one in result]
    if isinstance(result, Mapping | list):
        return result
    return row_of(result, answer) if isinstance(answer, Mapping) else answer(result).data


def route(
    address: str, resource: type[Resource], methods: dict[str, str], *, name: str = "", access: Access | None = None
) -> URLPattern:
    """An address below ``/api/v1/`` with the resource's method for each HTTP method.

    ``access``: who may use it; whoever may read is public unless it says otherwise, and what changes anything has to say who may.
    """
    if access is None and set(methods) != {"get"}:
        raise ValueError(f"{address}: who may change something there?")
    access = access or Access()
    view = resource.as_view(methods, reads=access.reads)
    view.access = access
    return path(f"api/v1/{address}", view, name=name or f"v1-{address.replace('/', '-')}")


def says(function: Callable[..., Any]) -> dict[str, Any]:
    """Summary and description of an operation: what its docstring says."""
    text = (function.__doc__ or "").strip()
    return {"summary": text.split("\n")[0].rstrip("."), "description": text}


def _code(code: Any) -> Any:
    return code if isinstance(code, tuple) else (code, "application/json")


def _schema(answer: Any) -> Any:
    if not isinstance(answer, Mapping):
        return answer
    return dict(answer) if isinstance(answer.get("type"), str) else item(answer)


def _lists(query: type[Query]) -> list[str]:
    return [name for name, one in query().fields.items() if isinstance(one, serializers.ListField)]


def _checked(kind: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    given = kind(data=data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
