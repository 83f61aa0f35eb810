"""Who calls ``/api/``: as ``registry.callers`` knows it; whoever has a session has to have meant the call."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from registry.callers import Caller, caller_of, csrf_failure
from registry.errors import Denied

_HARMLESS = ("GET", "HEAD", "OPTIONS", "TRACE")


class CallerAuthentication(BaseAuthentication):
    """DRF's ``request.user`` and ``request.auth`` (a :class:`Caller`) from whatever the request brings."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        """User and caller; None: nobody known. Raises NotAuthenticated for credentials that do not hold, Denied for a CSRF failure."""
        caller = caller_of(request._request)
        if caller.ambient and request.method not in _HARMLESS:
            reason = csrf_failure(request._request)
            if reason:
                raise Denied(
                    f"CSRF check failed: {reason} With a session, send the token of the cookie csrftoken as X-CSRFToken."
                )
        return (caller.user, caller) if caller.known else None

    def authenticate_header(self, request: Request) -> str:
        """For answers with 401."""
        return 'Bearer realm="Dynamo"'


class CallerScheme(OpenApiAuthenticationExtension):
    """How the schema tells of the ways to authenticate."""

    target_class = CallerAuthentication
    name = ["token", "session", "certificate"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """The three ways; a client certificate is checked by the web server in front."""
        return [
            {"type": "http", "scheme": "bearer", "description": "A token of ours (`dynamo token`), or a JWT of a configured issuer."},
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Login in a browser; changes need the header X-CSRFToken."},
            {"type": "mutualTLS", "description": "An X.509 certificate, or a proxy of one, whose DN is known."},
        ]  # fmt: skip
