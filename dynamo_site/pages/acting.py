"""What pages that change something share: who acts, and how an error of a service becomes words on the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from inventory.errors import InventoryError
from registry import rights
from registry.asking import Asker
from registry.callers import caller_of
from registry.errors import Busy, Denied, NotAuthenticated, RegistryError
from registry.lifecycle import ImpossibleTransition

EXPECTED = (RegistryError, InventoryError, ImpossibleTransition)
"""What services raise when something cannot be: its text is for the reader of the page."""


def asker(request: HttpRequest) -> Asker:
    """Who is logged in, as the services of the registry want it."""
    caller = caller_of(request)
    return Asker(caller.name, caller.service, rights.has(caller, "operator", "registry"))


def named(request: HttpRequest) -> User:
    """The account of the caller, where the address is for known users. Raises NotAuthenticated."""
    user = caller_of(request).user
    if not isinstance(user, User):
        raise NotAuthenticated("this is for known users: log in")
    return user


@contextmanager
def told(request: HttpRequest, done: str = "") -> Iterator[None]:
    """An error of a service becomes a message of the next page, and ``done`` one when there was none."""
    try:
        yield
    except Denied as error:
        raise PermissionDenied(str(error)) from error
    except EXPECTED as error:
        messages.error(request, text_of(error))
    else:
        if done:
            messages.success(request, done)


def text_of(error: Exception) -> str:
    """The error in words, with when to try again where it is only a matter of time."""
    again = f" Try again in {error.retry_after} seconds." if isinstance(error, Busy) else ""
    return f"{error}{again}"


class Names(forms.CharField):
    """Several names, separated by blanks or lines."""

    widget = forms.Textarea

    def clean(self, value: str | None) -> list[str]:
        """Each name once, in the order given."""
        return list(dict.fromkeys(super().clean(value).split()))


def blank(widget: forms.Widget, **attributes: str) -> forms.Widget:
    """The widget without what browsers do to words."""
    widget.attrs |= {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", **attributes}
    return widget
