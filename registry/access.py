"""Who may use each address: one declaration for every one, by which calls are let through; none is open by oversight.

    urlpatterns = [path("locks/", locks, name="locks")]          # in the view's module:
    @access(read=PUBLIC, change=KNOWN, target="registry")
    def locks(request): ...

``read`` is for GET, HEAD and OPTIONS, ``change`` for all other methods. Each is one of the words below, a ``(role, target)`` of
``registry.rights``, or a list of such pairs, any of which is enough. ``target`` is what a known user changes there: the
credentials' scopes are held against it. ``within``: the view itself holds the right's limits to sites and groups, by
``rights.require(caller, …, site=…, group=…)``; without it only those whose right is unlimited get there. ``reads``: nothing is changed there by any method, such as by a POST
whose question is too long for an address, so that credentials for reading do. ``note`` is for the docs.

The middleware refuses addresses that nobody declared; ``manage.py check`` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver

from registry import rights
from registry.callers import Caller, caller_of, who_is_it
from registry.errors import Denied, NotAuthenticated

ANYONE = "anyone"
"""Whoever calls, whatever the installation says: logging in, being watched over."""
PUBLIC = "public"
"""Whoever calls, unless the installation keeps reading to known users (``DYNAMO_PUBLIC_READING``)."""
KNOWN = "known"
"""Whoever is known."""
STAFF = "staff"
"""Whoever may use the administration pages; which of them, Django's permissions say."""
NOBODY = "nobody"
"""No method of that kind is there."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
Right = tuple[str, str]
Who = str | Right | Sequence[Right]
Declared = TypeVar("Declared", bound=Callable[..., Any])


@dataclass(frozen=True)
class Access:
    """Who may read and change at an address; see the module."""

    read: Who = PUBLIC
    change: Who = NOBODY
    target: str = "registry"
    within: bool = False
    reads: bool = False
    note: str = ""

    def of(self, method: str) -> Who:
        """Who may call with ``method``."""
        return self.read if method in SAFE else self.change

    def changes(self, method: str) -> bool:
        """Whether a call with ``method`` changes anything."""
        return method not in SAFE and not self.reads


def access(read: Who = PUBLIC, change: Who = NOBODY, **more: Any) -> Callable[[Declared], Declared]:
    """Declare who may use a view; the fields are those of :class:`Access`."""

    def declare(view: Declared) -> Declared:
        view.access = Access(read, change, **more)  # type: ignore[attr-defined]
        return view

    return declare


def declared(allowed: Access, patterns: Iterable[URLPattern | URLResolver]) -> list[Any]:
    """The URL patterns, those whose views declare nothing being for ``allowed``."""
    found = list(patterns)
    for pattern in found:
        if isinstance(pattern, URLResolver):
            declared(allowed, pattern.url_patterns)
        elif of_pattern(pattern) is None:
            pattern.access = allowed  # type: ignore[attr-defined]
    return found


def of_pattern(pattern: URLPattern) -> Access | None:
    """What is declared for an address: at its pattern, or at its view."""
    found = getattr(pattern, "access", None) or getattr(pattern.callback, "access", None)
    return found if isinstance(found, Access) else None


@dataclass(frozen=True)
class Address:
    """One address of the site: its route such as ``requests/<int:number>/``, its full name, and who may use it."""

    route: str
    name: str
    access: Access | None
    pattern: URLPattern


def addresses() -> tuple[Address, ...]:
    """All addresses, in the order in which they are tried."""
    return tuple(_walk("", "", get_resolver().url_patterns, None))


def _walk(
    route: str, namespace: str, patterns: Sequence[URLPattern | URLResolver], above: Access | None
) -> Iterator[Address]:
    for pattern in patterns:
        own = str(pattern.pattern)
        # As Django joins them when it resolves an address.
        here = route + (own.removeprefix("^") if route else own)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(here, inner, pattern.url_patterns, getattr(pattern, "access", above))
        else:
            name = f"{namespace}{pattern.name}" if pattern.name else ""
            yield Address(here, name, of_pattern(pattern) or above, pattern)


@lru_cache(maxsize=4)
def _by_route(urlconf: str) -> dict[str, Access | None]:
    # Of two with the same route the first is the one that is found.
    return {address.route: address.access for address in reversed(addresses())}


def check(request: HttpRequest) -> None:
    """Raise NotAuthenticated or Denied unless the caller may use the address with this method."""
    match = request.resolver_match
    allowed = _by_route(settings.ROOT_URLCONF).get(match.route if match else "")
    if allowed is None:
        raise Denied(f"{request.path[:200]}: nobody has declared who may use this address, so nobody may")
    method = request.method or "GET"
    who = allowed.of(method)
    # What everybody may costs no look at who it is; a method that is not there is told of by the view.
    if who in (ANYONE, NOBODY) or (who == PUBLIC and settings.PUBLIC_READING):
        return
    require(caller_of(request), who, allowed, changes=allowed.changes(method))


def require(caller: Caller, who: Who, allowed: Access, *, changes: bool) -> None:
    """Raise unless ``caller`` is among ``who``."""
    if not caller.known:
        raise NotAuthenticated(who_is_it(caller))
    targets = [pair[1] for pair in _pairs(who)] or [allowed.target]
    if changes and not any(caller.allows(target) for target in targets):
        raise Denied(f"these credentials are not good for changes of {' or '.join(targets)}")
    if who == STAFF and caller.scopes is not None:
        raise Denied("these credentials are limited, and administration pages are not: log in")
    if who == STAFF and not caller.user.is_staff:
        raise Denied(f"{caller.name} may not use the administration pages; an administrator can allow it")
    if _pairs(who) and not any(rights.reaches(caller, *pair, anywhere=allowed.within) for pair in _pairs(who)):
        wanted = " or ".join(f"{role} on {target}" for role, target in _pairs(who))
        raise Denied(f"{caller.name} has not the role {wanted}; an administrator can grant it")


def _pairs(who: Who) -> list[Right]:
    if isinstance(who, str):
        return []
    if isinstance(who, tuple) and len(who) == 2 and all(isinstance(part, str) for part in who):
        return [who]  # type: ignore[list-item]
    return list(who)  # type: ignore[arg-type]


def words(who: Who) -> str:
    """``who`` in words, for the docs."""
    pairs = _pairs(who)
    told = {ANYONE: "anyone", PUBLIC: "public", KNOWN: "known users", STAFF: "staff", NOBODY: "–"}
    return " or ".join(f"{role} on {target}" for role, target in pairs) if pairs else told[str(who)]


@register("dynamo")
def check_declarations(**_: Any) -> list[CheckMessage]:
    """Every address says who may use it."""
    return [
        Error(f"{address.route}: nobody has declared who may use this address, so nobody may",
              hint="see registry.access", id="dynamo.E010")
        for address in addresses() if address.access is None
    ]  # fmt: skip
