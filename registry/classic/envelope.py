"""What makes a function a classic endpoint: checked parameters in, ``{result, message, data}`` (see ``dress``) out.

    @endpoint(Parameter("partition"), Parameter("cycle", "integer"))
    def cycles(call: Call) -> list[dict[str, object]]:
        call.message = "newest first"
        return [...]  # call["partition"], call["cycle"]: None where not given

``changes=True`` needs a known user (``call.caller``), ``role=("admin", "inventory")`` that right besides, and
``document=True`` takes the JSON body as ``call.document`` (the parameters come from the query only). Raise the errors of
``registry.errors`` (or let those of the inventory and the scheduler through): each becomes its status.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from inventory.errors import ChangeRefused, InventoryUnavailable, TurnLost
from inventory.statistics import StatisticsError
from registry import rights
from registry.access import KNOWN, PUBLIC, Access
from registry.callers import Caller, caller_of, require_known
from registry.classic import body
from registry.classic.dress import Streamed, dressed, failed, of_phedex
from registry.classic.parameters import Parameter, checked
from registry.errors import Busy, Denied, NotAuthenticated, NotThere, Refused, RegistryError, TooManyCalls
from registry.lifecycle import ImpossibleTransition
from scheduler.errors import ApplicationLocked, TurnBusy

_RETRY_AFTER = 10
_LARGEST = 1024 * 1024
"""Bytes of a body of parameters: whoever calls may have it read. Documents are for known users, and as large as the installation allows."""
_STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (Denied, HTTPStatus.FORBIDDEN),
    (NotThere, HTTPStatus.NOT_FOUND),
    (TooManyCalls, HTTPStatus.TOO_MANY_REQUESTS),
    (Refused, HTTPStatus.BAD_REQUEST),
    (ImpossibleTransition, HTTPStatus.BAD_REQUEST),
    (ChangeRefused, HTTPStatus.BAD_REQUEST),
    (StatisticsError, HTTPStatus.BAD_REQUEST),
    (Busy, HTTPStatus.SERVICE_UNAVAILABLE),
    (TurnBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (TurnLost, HTTPStatus.SERVICE_UNAVAILABLE),
    (ApplicationLocked, HTTPStatus.SERVICE_UNAVAILABLE),
    (InventoryUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
_KNOWN = tuple(kind for kind, _ in _STATUS)


@dataclass
class Call:
    """One call: who, with which values; the function may set the ``message`` of the answer."""

    caller: Caller
    values: dict[str, Any]
    document: Any = None
    message: str = ""
    request: HttpRequest | None = field(default=None, repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def phedex(self) -> bool:
        """Whether the answer goes out in the envelope of PhEDEx, whose calls always answer with an object."""
        return self.request is not None and of_phedex(self.request)


Function = Callable[[Call], Any]
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Declaration:
    """How an endpoint was declared; see :func:`endpoint`."""

    parameters: tuple[Parameter, ...]
    changes: bool
    role: tuple[str, str] | None
    document: bool


ENDPOINTS: dict[View, Declaration] = {}
"""All endpoints, for the documentation."""


def endpoint(
    *parameters: Parameter, changes: bool = False, role: tuple[str, str] | None = None, document: bool = False
) -> Callable[[Function], View]:
    """Make a function of a :class:`Call` a view; see the module's text.

    An HttpResponse that the function returns goes out as it is, :class:`Streamed` data piece by piece.
    """

    def decorate(function: Function) -> View:
        @csrf_exempt  # checked in require_known, for callers for whom it matters
        @wraps(function)
        def view(request: HttpRequest) -> HttpResponseBase:
            try:
                return _answered(request, function)
            except _KNOWN as error:
                return failure(error)

        view.access = _access(changes, role)  # type: ignore[attr-defined]
        ENDPOINTS[view] = Declaration(parameters, changes or role is not None, role, document)
        return view

    def _answered(request: HttpRequest, function: Function) -> HttpResponseBase:
        began = time.monotonic()
        if request.method not in ("GET", "HEAD", "POST"):
            return failed(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method}: use GET or POST")
        # Before Django's CSRF check, which would read a form's fields from the stream.
        body.content(request, None if document else _LARGEST)
        caller = caller_of(request)
        if changes or role:
            _require_tls(request)
            require_known(caller, request)
        if role:
            rights.require(caller, *role)
        given = body.query(request) if document else body.given(request)
        call = Call(caller, checked(parameters, given, int(time.time())), request=request)
        if document:
            call.document = body.document(request)
        data = function(call)
        return data if isinstance(data, HttpResponseBase) else dressed(request, call.message, data, began)

    return decorate


def _require_tls(request: HttpRequest) -> None:
    """Raise Refused for a change that came in the clear where there is TLS; looking is for old programs, which know no better."""
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise Refused("this changes something and is taken over https only")


def _access(changes: bool, role: tuple[str, str] | None) -> Access:
    # Any method may carry the parameters, and classic clients change things by GET, too.
    who = role or (KNOWN if changes else PUBLIC)
    return Access(who, who)


def failure(error: Exception) -> JsonResponse:
    """The envelope of an error of the registry, the inventory or the scheduler."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    response = failed(status, str(error))
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        response["Retry-After"] = str(getattr(error, "retry_after", _RETRY_AFTER))
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="Dynamo"'
    return response


__all__ = ["Call", "Caller", "Parameter", "RegistryError", "Streamed", "endpoint", "failed", "failure"]
