"""django-allauth's forms that take a code or a password once more, with our bounds on guessing: for all web processes together.

Imported only where allauth is installed (the extra ``login``).
"""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ReauthenticateForm as PasswordAgain
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms
from django.core.exceptions import ValidationError

from registry.identity import attempts, front
from registry.identity.login import bounded


class _Bounded(forms.Form):
    """Counts what does not hold by the user and by where it comes from."""

    user: Any
    guessed = "factor"

    def clean(self) -> dict[str, Any] | None:
        """The fields are checked before this: a guess counts, and one too many is refused even when it is right."""
        who, address = f"{self.guessed} {self.user.pk}", front.address_of(context.request)
        if self.errors:
            attempts.failed(who, address)
        else:
            attempts.succeeded(who, address)
        return super().clean()

    def full_clean(self) -> None:
        """Not even looked at while its user has to wait."""
        if self.is_bound:
            try:
                bounded(context.request, f"{self.guessed} {self.user.pk}")
            except ValidationError as error:
                self._errors, self.cleaned_data = forms.utils.ErrorDict(), {}
                self.add_error(None, error)
                return
        super().full_clean()


class FactorForm(_Bounded, AuthenticateForm):
    """The second factor, at the login."""


class FactorAgainForm(_Bounded, ReauthenticateForm):
    """The second factor once more."""


class PasswordAgainForm(_Bounded, PasswordAgain):
    """The password once more."""

    guessed = "password"
