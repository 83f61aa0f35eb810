"""Which user a client certificate stands for."""

from __future__ import annotations

from django.contrib.auth.models import User

from registry.identity.names import owners
from registry.models import UserDN


def user_of(dn: str) -> User | None:
    """The active user of the name, or of the name that it is a proxy of; the longest known one counts."""
    names = owners(dn)
    found = {row.dn: row.user for row in UserDN.objects.select_related("user").filter(dn__in=names)}
    user = next((found[name] for name in names if name in found), None)
    return user if user is not None and user.is_active else None
