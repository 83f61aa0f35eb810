"""What django-allauth does our way: nobody signs up by themselves, guesses are bounded, and a provider's subject is a known user.

Imported only where allauth is installed (the extra ``login``).
"""

from __future__ import annotations

from typing import Any

from allauth.account import views as account
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import views as factor
from allauth.socialaccount import views as provider
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import include, path
from django.views.generic import RedirectView

from registry.access import ANYONE, KNOWN, Access, declared
from registry.identity import front
from registry.models import TokenSubject


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by administrators."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As the web server in front tells it."""
        return front.address_of(request)


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Who comes from the provider is whom ``TokenSubject`` names, at every login anew."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Nobody."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Find the user. Raises ImmediateHttpResponse when there is none."""
        subject = str(sociallogin.account.uid)
        found = TokenSubject.objects.select_related("user").filter(issuer=settings.OIDC_ISSUER, subject=subject).first()
        if found is None or not found.user.is_active:
            messages.error(
                request,
                f"{settings.OIDC_NAME} knows you as {subject[:100]}, which no user is here; an administrator can add it.",
            )
            raise ImmediateHttpResponse(redirect("login"))
        if sociallogin.is_existing and sociallogin.user.pk != found.user.pk:
            sociallogin.account.delete()
            sociallogin.account.pk = None
        if not sociallogin.account.pk:
            sociallogin.connect(request, found.user)
        sociallogin.user = sociallogin.account.user = found.user


class FactorAdapter(DefaultMFAAdapter):
    """Names in the apps that show codes."""

    def get_totp_label(self, user: Any) -> str:
        """The user's name."""
        return str(user.get_username())


_OPEN = Access(ANYONE, ANYONE, note="on the way to being known")
_OWN = Access(KNOWN, KNOWN, note="asks for the password once more")
for _view in (factor.authenticate, provider.login_cancelled, provider.login_error, provider.signup):
    _view.access = _OPEN
urlpatterns = [
    *declared(_OPEN, [
        path("login/oidc/", include("allauth.socialaccount.providers.openid_connect.urls")),
        path("login/closed/", account.signup, name="account_signup"),
        path("login/inactive/", account.account_inactive, name="account_inactive"),
        path("login/again/", RedirectView.as_view(pattern_name="login"), name="account_login"),
        path("logout/again/", RedirectView.as_view(pattern_name="front"), name="account_logout"),
    ]),
    *declared(_OWN, [
        path("login/provider/", include("allauth.socialaccount.urls")),
        path("login/factor/", include("allauth.mfa.urls")),
        path("login/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    ]),
]  # fmt: skip
