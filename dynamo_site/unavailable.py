"""When a page needs the inventory, the database, a turn or Redis and cannot have it now: 503 with when to try again.

When a file that it is made from is damaged: 500, and the log says which.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from inventory import database
from inventory.errors import InventoryUnavailable
from inventory.history.segment import HistoryDamaged
from inventory.parquet import FrameDamaged
from registry.classic.addresses import is_classic
from registry.classic.dress import failed
from scheduler.errors import TurnBusy

_RETRY_SECONDS = 10
_LOG = structlog.get_logger(__name__)


class UnavailableMiddleware:
    """Answers for views that left such an error to us."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer; None for other errors."""
        if isinstance(error, FrameDamaged | HistoryDamaged):
            _LOG.error("a kept file is damaged", path=request.path, reason=str(error))
            text = "A file that this is made from is damaged; the server's log says which."
            return _answer(request, text, 500, {})
        reason = _passing(error)
        if reason is None:
            return None
        _LOG.warning("not available", path=request.path, reason=reason)
        text = f"Dynamo cannot do this now: {reason}. Please try again in {_RETRY_SECONDS} seconds."
        return _answer(request, text, 503, {"Retry-After": str(_RETRY_SECONDS)})


def _passing(error: Exception) -> str | None:
    """Why it cannot be now, if it can be later; nothing of addresses where the database is the reason."""
    if isinstance(error, InventoryUnavailable | TurnBusy):
        return str(error)
    if isinstance(error, DatabaseError) and database.trouble(error) in database.PASSING:
        return str(database.trouble(error))
    return None


def _answer(request: HttpRequest, text: str, status: int, headers: dict[str, str]) -> HttpResponse:
    if is_classic(request):
        answer = failed(HTTPStatus(status), text)
        for name, value in headers.items():
            answer[name] = value
        return answer
    if "text/html" in request.META.get("HTTP_ACCEPT", ""):
        return HttpResponse(render_to_string("503.html", {"text": text}, request), status=status, headers=headers)
    return JsonResponse({"result": "Error", "message": text, "data": None}, status=status, headers=headers)
