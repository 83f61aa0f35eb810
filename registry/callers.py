"""Who calls, and how that is known: a bearer token, a client certificate, a login; or nobody is known.

``caller_of(request)`` is the only way to know it, for the API, the classic interface and pages alike. While a request is
answered, ``current()`` gives its caller to what has no request at hand, such as the audit log.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from inventory import run_tokens
from registry import tokens
from registry.errors import Denied, NotAuthenticated
from registry.identity import certificates, front, issuers, names
from registry.models import ApiToken

SESSION, TOKEN, CERTIFICATE, JWT, COMMAND = "session", "token", "certificate", "jwt", "command"
"""How a caller is known (``Caller.method``); empty: not at all."""
_CACHE = "_dynamo_caller"
_REQUEST: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@dataclass(frozen=True)
class Caller:
    """Who calls, how that is known, and from where.

    ``service`` acts under the user. ``ambient``: the browser sent the credentials by itself, so that a foreign page may be
    behind the call. ``scopes``: targets that the credentials are good for (None: whatever the user may; see ``allows``).
    ``label`` is the name of a caller without an account, such as whoever runs a command on the server. ``token``: of ours, if one
    was sent.
    """

    user: User | AnonymousUser
    service: str = ""
    ambient: bool = False
    method: str = ""
    address: str = ""
    scopes: frozenset[str] | None = None
    label: str = ""
    token: ApiToken | None = None

    @property
    def known(self) -> bool:
        return self.user.is_authenticated

    @property
    def name(self) -> str:
        return self.user.get_username() or self.label

    @property
    def lasting(self) -> bool:
        """Whether the credentials have neither end nor limit of their own, so that others made with them are good for no more."""
        endless = self.token is not None and self.token.expires is None
        return self.scopes is None and (endless or self.method in (SESSION, CERTIFICATE))

    @cached_property
    def role(self) -> str:
        """The roles of the user as text for records, such as ``inventory:admin registry:operator``."""
        if not isinstance(self.user, User):
            return ""
        names = list(self.user.groups.order_by("name").values_list("name", flat=True))
        return " ".join((["superuser"] if self.user.is_superuser else []) + [name for name in names if ":" in name])

    def allows(self, target: str) -> bool:
        """Whether the credentials are good for changes of ``target``; what the user may is another question."""
        return self.scopes is None or target in self.scopes


def caller_of(request: HttpRequest) -> Caller:
    """The caller of ``request``; NotAuthenticated when credentials were given that do not hold. Looked up once a request."""
    found: Caller | None = getattr(request, _CACHE, None)
    if found is None:
        found = _caller(request)
        setattr(request, _CACHE, found)
    return found


def looked_up(request: HttpRequest) -> Caller | None:
    """The caller, if somebody wanted to know."""
    return getattr(request, _CACHE, None)


def _caller(request: HttpRequest) -> Caller:
    address = front.address_of(request)
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _of_bearer(secret.strip(), address)
    user = request.user
    if user.is_authenticated:
        return Caller(user, ambient=True, method=SESSION, address=address)
    subject = front.subject_of(request)
    return _of_certificate(request, subject, address) if subject else Caller(user, address=address)


def _of_bearer(secret: str, address: str) -> Caller:
    if issuers.looks_like_one(secret):
        identity = issuers.identity_of(secret)
        subject = identity.subject
        return Caller(subject.user, subject.service, method=JWT, address=address, scopes=identity.scopes)
    if secret.startswith(run_tokens.PREFIX):
        return _of_program(secret, address)
    token = tokens.find(secret)
    scopes = None if token.scopes is None else frozenset(token.scopes)
    return Caller(token.user, token.service, method=TOKEN, address=address, scopes=scopes, token=token)


def _of_program(secret: str, address: str) -> Caller:
    """A user's program while its run goes on: it asks the registry in its user's name, if it was submitted with rights."""
    token = run_tokens.valid(secret)
    user = None if token is None else User.objects.filter(username=token.author, is_active=True).first()
    if token is None or user is None:
        raise NotAuthenticated("the run of this program has ended, and its token with it")
    if not token.acts:
        raise NotAuthenticated("this program only reads the inventory; submit it with the level rights or write")
    return Caller(user, f"run {token.run}", method=TOKEN, address=address, scopes=frozenset({"registry"}))


def _of_certificate(request: HttpRequest, subject: str, address: str) -> Caller:
    try:
        dn = names.normal(subject)
    except names.NameWrong as error:
        raise NotAuthenticated(f"your certificate's name cannot be used: {error}") from error
    user = certificates.user_of(dn)
    if user is None:
        # Not an error yet: reading may be for everybody.
        return Caller(AnonymousUser(), method=CERTIFICATE, address=address, label=dn)
    return Caller(user, ambient=_by_browser(request), method=CERTIFICATE, address=address)


def _by_browser(request: HttpRequest) -> bool:
    """Whether a browser sent the certificate: it does so by itself, also for calls that a foreign page causes."""
    told = ("Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Cookie")
    return request.headers.get("User-Agent", "").startswith("Mozilla/") or any(name in request.headers for name in told)


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """While ``request`` is answered ``current`` tells who called."""
    before = _REQUEST.set(request)
    try:
        yield
    finally:
        _REQUEST.reset(before)


def current() -> Caller | None:
    """The caller of the request that this thread is answering; None: it answers none, as workers and commands."""
    request = _REQUEST.get()
    return None if request is None else caller_of(request)


def in_administration() -> bool:
    """Whether this thread is answering a call of an administration page."""
    request = _REQUEST.get()
    return request is not None and request.path.startswith("/admin/")


def of_command(name: str = "") -> Caller:
    """Whoever runs a command on this machine, or in whose ``name`` they do."""
    return Caller(AnonymousUser(), method=COMMAND, address=socket.gethostname(), label=name or getpass.getuser())


def require_known(caller: Caller, request: HttpRequest) -> None:
    """Raise unless the caller is a known user who really meant this changing call."""
    if not caller.known:
        raise NotAuthenticated(who_is_it(caller))
    if not caller.ambient:
        return
    if request.method != "POST":
        raise Denied("with a session this has to be a POST with a CSRF token, so that no foreign page can cause it")
    reason = csrf_failure(request)
    if reason:
        raise Denied(f"CSRF check failed: {reason}")


def who_is_it(caller: Caller) -> str:
    """What a caller who is not known has to do about it."""
    if caller.method == CERTIFICATE:
        return f"your certificate {caller.label[:200]} is not known here; an administrator can add its DN to a user"
    return "this is for known users: log in, or send a bearer token (Authorization: Bearer …) or a client certificate"


def csrf_failure(request: HttpRequest) -> str | None:
    """Why Django's CSRF check refuses the request; None: it does not."""
    check = _CsrfCheck(lambda _: HttpResponse())
    check.process_request(request)
    answer = check.process_view(request, lambda *_: HttpResponse(), (), {})
    return None if answer is None else str(answer)


class _CsrfCheck(CsrfViewMiddleware):
    """Django's own check, telling its reason instead of answering with a page."""

    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason
