"""Problem details (RFC 9457): how each kind of error is told to whoever calls ``/api/``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions

from inventory import database
from inventory.errors import ChangeRefused, InventoryBusy, InventoryError, InventoryUnavailable, TurnLost, VersionGone
from inventory.history.segment import HistoryDamaged
from inventory.parquet import FrameDamaged
from inventory.policy.errors import PolicyError
from inventory.policy.versions import PolicyChanged, PolicyUnknown
from registry.errors import Busy, Conflict, Denied, NotAuthenticated, NotThere, Refused
from registry.lifecycle import ImpossibleTransition
from scheduler.errors import ApplicationLocked, TurnBusy

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/v1/problems/"
RETRY_AFTER = 10
_MOST_ERRORS = 100
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its status, a short title, and what it means for the caller."""

    status: HTTPStatus
    title: str
    meaning: str


KINDS: dict[str, Kind] = {
    "malformed": Kind(HTTPStatus.BAD_REQUEST, "Malformed request", "The request cannot be read: a body that is not JSON, a host that is not ours."),
    "invalid": Kind(HTTPStatus.BAD_REQUEST, "Invalid fields", "Fields or parameters are unknown, missing or wrong; `errors` names each."),
    "refused": Kind(HTTPStatus.BAD_REQUEST, "Refused", "What was asked is well-formed but cannot be done, such as a name that nobody knows."),
    "not-authenticated": Kind(HTTPStatus.UNAUTHORIZED, "Not authenticated", "The caller is not known and has to be: log in, or send a bearer token."),
    "denied": Kind(HTTPStatus.FORBIDDEN, "Denied", "The caller lacks the right; an administrator can grant it."),
    "not-found": Kind(HTTPStatus.NOT_FOUND, "Not found", "There is no such resource."),
    "method-not-allowed": Kind(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", "The resource does not have this method; the header Allow lists those it has."),
    "not-acceptable": Kind(HTTPStatus.NOT_ACCEPTABLE, "Not acceptable", "None of the formats of the header Accept can be given."),
    "conflict": Kind(HTTPStatus.CONFLICT, "Conflict", "The state does not allow it, or somebody else was quicker: look at it again."),
    "gone": Kind(HTTPStatus.GONE, "Gone", "It was there, and is not kept any more."),
    "too-large": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", "The body is larger than this resource takes; send it in parts."),
    "unsupported-media-type": Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "Bodies are JSON (`application/json`), plain or as gzip."),
    "key-reused": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency key reused", "The key was sent before with another request; take a new key for each."),
    "too-many-calls": Kind(HTTPStatus.TOO_MANY_REQUESTS, "Too many calls", "More calls than allowed, or more programs that wait; the header Retry-After tells when to go on."),
    "failed": Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Failed", "The server failed; its log tells why."),
    "busy": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Cannot be done now", "A part that is needed is away or busy; the header Retry-After tells when to try again."),
}  # fmt: skip
"""All kinds by the last part of their ``type``."""

TOLD_AS: dict[type[Exception], str] = {
    NotAuthenticated: "not-authenticated", exceptions.NotAuthenticated: "not-authenticated",
    exceptions.AuthenticationFailed: "not-authenticated", Denied: "denied", PermissionDenied: "denied",
    exceptions.PermissionDenied: "denied", NotThere: "not-found", Http404: "not-found", exceptions.NotFound: "not-found",
    PolicyUnknown: "not-found", VersionGone: "gone", Conflict: "conflict", ImpossibleTransition: "conflict",
    PolicyChanged: "conflict", exceptions.MethodNotAllowed: "method-not-allowed",
    exceptions.NotAcceptable: "not-acceptable", exceptions.UnsupportedMediaType: "unsupported-media-type",
    exceptions.Throttled: "too-many-calls", exceptions.ParseError: "malformed", exceptions.ValidationError: "invalid",
    RequestDataTooBig: "too-large", SuspiciousOperation: "malformed", Busy: "busy", TurnBusy: "busy", TurnLost: "busy",
    ApplicationLocked: "busy", InventoryUnavailable: "busy", FrameDamaged: "failed", HistoryDamaged: "failed",
    PolicyError: "refused", ChangeRefused: "refused", Refused: "refused", InventoryError: "refused",
}  # fmt: skip
"""Kind of problem by type of error; components add their own. The nearest base class of an error counts."""


class TooLarge(RequestDataTooBig):
    """The body is larger than the resource takes."""


class KeyReused(Refused):
    """An idempotency key came again with another request."""


TOLD_AS[KeyReused] = "key-reused"


@dataclass(frozen=True)
class Wrong:
    """One mistake: ``field`` is the name of a parameter, or the path of a field in the body."""

    field: str
    detail: str


class Invalid(Refused):
    """Fields that are wrong, all of them."""

    def __init__(self, errors: Sequence[Wrong]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in self.errors[:3]))


TOLD_AS[Invalid] = "invalid"


def kind_of(error: Exception) -> str | None:
    """The kind of problem that an error is; None: one that nobody expects."""
    found = next((TOLD_AS[base] for base in type(error).__mro__ if base in TOLD_AS), None)
    if found is None and isinstance(error, DatabaseError) and database.trouble(error) in database.PASSING:
        return "busy"
    return found


def told(error: Exception, request: HttpRequest) -> JsonResponse | None:
    """The answer for an error; None for one that nobody expects."""
    name = kind_of(error)
    if name is None:
        return None
    if name == "failed":
        _LOG.error("a kept file is damaged", path=request.path, reason=str(error))
        return problem(request, name, "a file that this is made from is damaged; the server's log says which")
    answer = problem(request, name, _text(error), list(_errors(error)))
    if name in ("busy", "too-many-calls") or hasattr(error, "retry_after"):
        answer["Retry-After"] = str(_retry_after(error))
    if name == "not-authenticated":
        answer["WWW-Authenticate"] = 'Bearer realm="Dynamo"'
    return answer


def problem(request: HttpRequest, name: str, detail: str, errors: Sequence[Wrong] = ()) -> JsonResponse:
    """An answer of kind ``name``."""
    kind = KINDS[name]
    content: dict[str, Any] = {
        "type": PREFIX + name, "title": kind.title, "status": int(kind.status), "detail": detail, "instance": request.path,
    }  # fmt: skip
    if errors:
        content["errors"] = [{"field": error.field, "detail": error.detail} for error in errors[:_MOST_ERRORS]]
    return JsonResponse(content, status=kind.status, content_type=CONTENT_TYPE)


@csrf_exempt
def no_such_resource(request: HttpRequest) -> JsonResponse:
    """The view of every address under ``/api/`` that nothing else has."""
    return problem(request, "not-found", f"{request.path[:200]}: there is no such resource; /api/v1/ lists them")


def _text(error: Exception) -> str:
    if isinstance(error, DatabaseError):
        return str(database.trouble(error))
    if isinstance(error, exceptions.ValidationError):
        return "; ".join(f"{one.field}: {one.detail}" for one in list(_errors(error))[:3])
    if isinstance(error, RequestDataTooBig) and not isinstance(error, TooLarge):
        return KINDS["too-large"].meaning
    if isinstance(error, SuspiciousOperation):
        return str(error) if isinstance(error, TooLarge) else KINDS["malformed"].meaning
    return str(error) or KINDS[kind_of(error) or "failed"].meaning


def _errors(error: Exception) -> Iterator[Wrong]:
    """The single mistakes that an error tells."""
    if isinstance(error, Invalid):
        yield from error.errors
    elif isinstance(error, exceptions.ValidationError):
        yield from flattened(error.detail)
    elif isinstance(error, ChangeRefused):
        yield from (Wrong(problem.where, problem.what) for problem in error.problems)
    elif isinstance(error, PolicyError):
        yield from (Wrong(f"line {one.line}, column {one.column}", one.what) for one in error.mistakes)


def flattened(detail: Any, where: str = "") -> Iterator[Wrong]:
    """The mistakes that a serializer found, each with the path of its field."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            step = f"[{own}]" if isinstance(name, int) else f".{own}" if where and own else own
            yield from flattened(inner, where + step)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            yield from flattened(inner, f"{where}[{position}]" if isinstance(inner, dict) else where)
    else:
        yield Wrong(where or "body", str(detail))


def _retry_after(error: Exception) -> int:
    if isinstance(error, exceptions.Throttled):
        return max(1, int(error.wait or 1))
    if isinstance(error, InventoryBusy):
        return max(1, round(error.seconds))
    return int(getattr(error, "retry_after", RETRY_AFTER))
