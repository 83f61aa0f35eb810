"""Lets Django's permission checks see roles: where a role on a target decides elsewhere, it decides on administration pages, too."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied

from registry import rights

ROLES: dict[str, tuple[str, str]] = {
    "scheduler.end_run": ("operator", "application"),
    "scheduler.control_sequence": ("operator", "application"),
    "scheduler.add_applicationlock": ("operator", "application"),
    "scheduler.change_applicationlock": ("admin", "application"),
    "scheduler.delete_applicationlock": ("admin", "application"),
    "fileops.release_subscription": ("operator", "fileops"),
    "inventory.add_policyversion": ("operator", "policy"),
}
"""Permissions that a (role, target) gives, and nothing else."""


class RoleBackend:
    """Answers for the permissions of :data:`ROLES` only; authenticates nobody. The first of the backends, so that no other gives them."""

    def authenticate(self, request: Any) -> None:
        """It knows nobody; without ``get_user`` it is nobody's login either."""

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Any = None) -> bool:
        """Whether a role gives ``perm``, at some sites at least: the service looks which. Raises PermissionDenied, which Django takes for no."""
        if perm not in ROLES:
            return False
        if not rights.reaches(user_obj, *ROLES[perm], anywhere=perm.startswith("fileops.")):
            raise PermissionDenied
        return True
