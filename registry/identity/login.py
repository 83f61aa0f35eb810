"""Logging in with a password: Django's own way, with bounds on guessing."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from registry import audit
from registry.callers import SESSION, Caller
from registry.identity import attempts, front


def bounded(request: HttpRequest, name: str) -> None:
    """Raise ValidationError while this name, or whoever calls, has failed too often."""
    try:
        attempts.check(name, front.address_of(request))
    except attempts.TooManyAttempts as error:
        raise ValidationError(f"Too many failed attempts. Wait {error.retry_after} seconds.", "too_many") from error


class LoginForm(AuthenticationForm):
    """Name and password; who guesses has to wait."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This name and password do not belong together. Try again, or ask an administrator.",
    }

    def clean(self) -> dict[str, Any]:
        """Check them. Raises ValidationError."""
        name, request = str(self.cleaned_data.get("username") or ""), self.request
        if request is None:
            return super().clean()
        bounded(request, name)
        try:
            cleaned = super().clean()
        except ValidationError:
            attempts.failed(name, front.address_of(request))
            raise
        attempts.succeeded(name, front.address_of(request))
        return cleaned


class PasswordLogin(LoginView):
    """The page to log in at; who has a second factor is asked for it next."""

    template_name = "registry/login.html"
    authentication_form = LoginForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log in, by allauth's stages where it is installed."""
        if not apps.is_installed("allauth.mfa"):
            return super().form_valid(form)
        from allauth.account.utils import perform_login

        answer: HttpResponse = perform_login(
            self.request, form.get_user(), email_verification="none", redirect_url=self.get_success_url()
        )
        return answer

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """With the provider that one can log in at, too."""
        return super().get_context_data(provider=settings.OIDC_NAME if settings.OIDC_ISSUER else "", **more)


login = PasswordLogin.as_view()


def to_login(request: HttpRequest) -> HttpResponse:
    """There is one page to log in at, also for the administration pages."""
    wanted = request.GET.get("next", "/admin/")
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        wanted = "/admin/"
    return redirect(wanted) if request.user.is_authenticated else redirect_to_login(wanted)


@receiver(user_logged_in)
def note(sender: object, request: HttpRequest, user: Any, **_: object) -> None:
    """Every login is in the audit log."""
    if request is not None:
        audit.record(Caller(user, method=SESSION, address=front.address_of(request)), "login", f"user {user}")
