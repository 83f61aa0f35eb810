"""The Content-Security-Policy of every page: nothing from elsewhere, and on our own pages no script in the page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_EVERYWHERE = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
_PAGES = _EVERYWHERE
# The admin pages' library evaluates expressions in attributes.
_ADMIN = f"{_EVERYWHERE}; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"


class ContentSecurityPolicyMiddleware:
    """Sets the header where a view has set none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        policy = _ADMIN if request.path.startswith("/admin/") else _PAGES
        response.headers.setdefault("Content-Security-Policy", policy)
        return response
