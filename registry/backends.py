"""Lets Django's permission checks see roles: whoever may by a role on a target needs no permission row besides."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser, User

from registry import rights

ROLES: dict[str, tuple[str, str]] = {
    "scheduler.end_run": ("operator", "application"),
    "fileops.release_subscription": ("operator", "fileops"),
}
"""Permissions that a (role, target) gives."""


class RoleBackend(BaseBackend):
    """Answers for the permissions of :data:`ROLES` only; authenticates nobody."""

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Any = None) -> bool:
        """Whether a role gives ``perm``."""
        return perm in ROLES and rights.has(user_obj, *ROLES[perm])
