"""Logging in by an OpenID Connect provider, and a second factor: by django-allauth where the extra ``login`` is installed.

Without it the login with a password works on as it is. See docs/deployment.md.
"""

from __future__ import annotations

import importlib.util
from typing import Any

INSTALLED = importlib.util.find_spec("allauth") is not None
_APPS = (
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
)


def extend(settings: dict[str, Any]) -> None:
    """Add to the settings what allauth needs, if it is there; else there is no provider."""
    if not INSTALLED:
        settings["OIDC_ISSUER"] = ""
        return
    apps, middleware = settings["INSTALLED_APPS"], settings["MIDDLEWARE"]
    apps[apps.index("registry") : apps.index("registry")] = list(_APPS)
    middleware.append("allauth.account.middleware.AccountMiddleware")
    settings |= {
        "ACCOUNT_ADAPTER": "registry.identity.browser.AccountAdapter",
        "SOCIALACCOUNT_ADAPTER": "registry.identity.browser.ProviderAdapter",
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "ACCOUNT_LOGIN_METHODS": {"username"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*", "password2*"],
        "SOCIALACCOUNT_STORE_TOKENS": False,
        "SOCIALACCOUNT_EMAIL_AUTHENTICATION": False,
        "SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX": "",
        "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes"],
        "MFA_TOTP_ISSUER": "Dynamo",
        "MFA_ADAPTER": "registry.identity.browser.FactorAdapter",
        "MFA_FORMS": {
            "authenticate": "registry.identity.factor.FactorForm",
            "reauthenticate": "registry.identity.factor.FactorAgainForm",
        },
        "ACCOUNT_FORMS": {"reauthenticate": "registry.identity.factor.PasswordAgainForm"},
        "SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"APPS": _providers(settings)}},
    }


def _providers(settings: dict[str, Any]) -> list[dict[str, Any]]:
    if not settings["OIDC_ISSUER"]:
        return []
    return [{
        "provider_id": "oidc", "name": settings["OIDC_NAME"], "client_id": settings["OIDC_CLIENT_ID"],
        "secret": settings["OIDC_CLIENT_SECRET"],
        "settings": {"server_url": settings["OIDC_ISSUER"], "oauth_pkce_enabled": True},
    }]  # fmt: skip
