"""Lets a call through to its view only when ``registry.access`` says so, and remembers who calls while it is answered."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from inventory import database
from registry import access
from registry.api.problems import told
from registry.api.throttling import require_room
from registry.callers import answering, looked_up
from registry.classic.addresses import is_classic
from registry.classic.envelope import ENDPOINTS, failure
from registry.errors import Busy, NotAuthenticated, RegistryError, TooManyCalls

_COUNTED_ELSEWHERE = ("/api/", "/healthz", "/metrics")
"""By Django REST framework; and what has to answer when all else is too much."""


class AccessMiddleware:
    """Default deny: an address that nobody declared is refused. To stand after Django's authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with answering(request):
            return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponseBase | None:
        """Refuse, in the form that is usual at the address, or let through (None)."""
        try:
            access.check(request)
            if not request.path.startswith(_COUNTED_ELSEWHERE):
                require_room(request)
        except RegistryError as error:
            return refused(request, error, classic=view in ENDPOINTS)
        except DatabaseError as error:
            # Nobody is known without the database; what views leave to others does not come from here.
            if database.trouble(error) not in database.PASSING:
                raise
            busy = Busy(f"Dynamo cannot do this now: {database.trouble(error)}")
            return refused(request, busy, classic=view in ENDPOINTS)
        caller = looked_up(request)
        if caller is not None and caller.known:
            # Whoever was let through is the user that pages see, however it is known.
            request.user = caller.user
        return None


def refused(request: HttpRequest, error: RegistryError, *, classic: bool = False) -> HttpResponseBase:
    """The answer to a call that is not let through: problem details, the classic envelope, or a page. Raises PermissionDenied."""
    if request.path.startswith("/api/"):
        answer = told(error, request)
        if answer is not None:
            return answer
    if classic or is_classic(request):
        return failure(error)
    if isinstance(error, NotAuthenticated):
        # Back to the page after logging in; what was sent to it is not kept.
        return redirect_to_login(request.get_full_path() if request.method in access.SAFE else request.path)
    if isinstance(error, Busy | TooManyCalls):
        status = HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, Busy) else HTTPStatus.TOO_MANY_REQUESTS
        return HttpResponse(str(error), "text/plain", status, headers={"Retry-After": str(error.retry_after)})
    raise PermissionDenied(str(error))
