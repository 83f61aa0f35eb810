"""The Content-Security-Policy of every page: nothing from elsewhere, and on our own pages no script in the page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
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
        if request.path == settings.LOGIN_URL and settings.OIDC_ISSUER:
            policy = policy.replace("form-action 'self'", f"form-action 'self' {_origin(settings.OIDC_ISSUER)}")
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


def _origin(address: str) -> str:
    # Browsers hold the policy against where a form ends up, too: at the provider that one logs in at.
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
