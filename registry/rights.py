"""Who may do what: roles on targets, kept as Django groups called ``target:role`` (e.g. ``inventory:admin``)."""

from __future__ import annotations

import re

from django.contrib.auth.models import AnonymousUser, Group, User

from registry.errors import Denied, NotAuthenticated, Refused

ROLES = ("admin", "operator", "production", "user")
TARGETS = ("inventory", "registry", "application", "detox", "dealer", "fileops", "consistency", "policy")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def group_name(role: str, target: str) -> str:
    """Name of the Django group that has ``role`` on ``target``."""
    return f"{target}:{role}"


def has(user: User | AnonymousUser, role: str, target: str) -> bool:
    """Whether ``user`` has ``role`` on ``target``. An admin of a target is its operator, too; a superuser is everything."""
    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_superuser:
        return True
    return user.groups.filter(name__in={group_name(role, target), group_name("admin", target)}).exists()


def require(user: User | AnonymousUser, role: str, target: str) -> None:
    """Raise NotAuthenticated or Denied unless ``user`` has ``role`` on ``target``."""
    if not user.is_authenticated:
        raise NotAuthenticated(f"this needs an authenticated user with the role {role} on {target}")
    if not has(user, role, target):
        raise Denied(f"{user.get_username()} has not the role {role} on {target}; an administrator can grant it")


def grant(user: User, role: str, target: str) -> bool:
    """Give ``user`` the role; False when it was there already. Raises Refused for names that cannot be."""
    for kind, name in (("role", role), ("target", target)):
        if not _NAME.fullmatch(name):
            raise Refused(f"{kind} {name!r}: use lower-case letters, digits, - and _")
    group, _ = Group.objects.get_or_create(name=group_name(role, target))
    if user.groups.filter(pk=group.pk).exists():
        return False
    user.groups.add(group)
    return True


def revoke(user: User, role: str, target: str) -> bool:
    """Take the role away; False when it was not there."""
    groups = user.groups.filter(name=group_name(role, target))
    found = groups.exists()
    user.groups.remove(*groups)
    return found
