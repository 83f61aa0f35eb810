"""Who calls: the user of a bearer token, or of a session (then CSRF counts), or nobody known."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from registry import tokens
from registry.errors import Denied, NotAuthenticated


@dataclass(frozen=True)
class Caller:
    """``ambient``: the browser sent the credentials by itself, so that a foreign page may be behind the call."""

    user: User | AnonymousUser
    service: str = ""
    ambient: bool = False

    @property
    def known(self) -> bool:
        return self.user.is_authenticated

    @property
    def name(self) -> str:
        return self.user.get_username()


def caller_of(request: HttpRequest) -> Caller:
    """The caller of ``request``; NotAuthenticated when a token was given that does not hold."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = tokens.find(secret.strip())
        return Caller(token.user, token.service)
    user = request.user
    return Caller(user, ambient=user.is_authenticated)


def require_known(caller: Caller, request: HttpRequest) -> None:
    """Raise unless the caller is a known user who really meant this changing call."""
    if not caller.known:
        raise NotAuthenticated("this changes something: log in, or send a bearer token (Authorization: Bearer …)")
    if not caller.ambient:
        return
    if request.method != "POST":
        raise Denied("with a session this has to be a POST with a CSRF token, so that no foreign page can cause it")
    reason = _CsrfCheck.failure(request)
    if reason:
        raise Denied(f"CSRF check failed: {reason}")


class _CsrfCheck(CsrfViewMiddleware):
    """Django's own check, telling its reason instead of answering with a page."""

    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason

    @classmethod
    def failure(cls, request: HttpRequest) -> str | None:
        check = cls(lambda _: HttpResponse())
        check.process_request(request)
        answer = check.process_view(request, lambda *_: HttpResponse(), (), {})
        return None if answer is None else str(answer)
