"""Who may do what: roles on targets, kept as Django groups called ``target:role`` (e.g. ``inventory:admin``).

A user's role can be limited to some sites and groups (``RightLimit``): then it holds only where the question names one of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import transaction

from registry.callers import COMMAND, Caller
from registry.errors import Denied, NotAuthenticated, Refused
from registry.models import RightLimit
from registry.tokens import TARGETS as TARGETS

ROLES = ("admin", "operator", "production", "user")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
Who = Caller | User | AnonymousUser
"""Whose right is asked for. Of a caller the scopes of the credentials count, too."""


def group_name(role: str, target: str) -> str:
    """Name of the Django group that has ``role`` on ``target``."""
    return f"{target}:{role}"


def has(who: Who, role: str, target: str, *, site: str | None = None, group: str | None = None) -> bool:
    """Whether ``who`` has ``role`` on ``target``, at ``site`` and for ``group`` (None: at all sites, for all groups).

    An admin of a target is its operator, too; a superuser is everything.
    """
    return reaches(who, role, target, sites=None if site is None else (site,), group=group)


def reaches(
    who: Who, role: str, target: str, *, sites: Collection[str] | None = None, group: str | None = None, anywhere: bool = False,
) -> bool:  # fmt: skip
    """The same at each of ``sites`` (none: at all there are); ``anywhere``: whether there are sites or groups for which ``who`` has it at all."""
    if isinstance(who, Caller) and who.method == COMMAND:
        # Whoever runs commands on the server has its database and its secrets.
        return True
    user = who.user if isinstance(who, Caller) else who
    if not user.is_authenticated or not user.is_active or (isinstance(who, Caller) and not who.allows(target)):
        return False
    if user.is_superuser:
        return True
    names = {group_name(role, target): role, group_name("admin", target): "admin"}
    held = {names[name] for name in user.groups.filter(name__in=names).values_list("name", flat=True)}
    if not held or anywhere:
        return bool(held)
    limits: dict[str, list[RightLimit]] = {name: [] for name in held}
    for limit in RightLimit.objects.filter(user=user, target=target, role__in=held):
        limits[limit.role].append(limit)
    return any(not rows or _within(rows, sites, group) for rows in limits.values())


def _within(limits: list[RightLimit], sites: Collection[str] | None, group: str | None) -> bool:
    """Whether each of ``sites`` (None or empty: all there are), with ``group``, is within one of the limits."""
    return all(
        any(_matches(limit.sites, site) and _matches(limit.groups, group) for limit in limits)
        for site in (sites or (None,))
    )


def _matches(globs: str, name: str | None) -> bool:
    if not globs.strip():
        return True
    return name is not None and any(fnmatchcase(name, glob.strip()) for glob in globs.split(",") if glob.strip())


def require(who: Who, role: str, target: str, *, site: str | None = None, group: str | None = None) -> None:
    """Raise NotAuthenticated or Denied unless ``who`` has ``role`` on ``target``, at ``site`` and for ``group``."""
    require_at(who, role, target, None if site is None else (site,), group)


def require_at(who: Who, role: str, target: str, sites: Collection[str] | None, group: str | None = None) -> None:
    """The same at each of ``sites`` (None: at all there are)."""
    if reaches(who, role, target, sites=sites, group=group):
        return
    user = who.user if isinstance(who, Caller) else who
    if not user.is_authenticated:
        raise NotAuthenticated(f"this needs an authenticated user with the role {role} on {target}")
    name = user.get_username()
    if isinstance(who, Caller) and not who.allows(target):
        raise Denied(f"{name}: these credentials are not good for {target}, whatever {name} may")
    if reaches(who, role, target, anywhere=True):
        where = f" at {', '.join(sorted(sites)[:5])}" if sites else ""
        raise Denied(f"{name} has the role {role} on {target} for some sites or groups only, not for this{where}")
    raise Denied(f"{name} has not the role {role} on {target}; an administrator can grant it")


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


def limit(user: User, role: str, target: str, sites: str = "", groups: str = "") -> bool:
    """Have the user's role hold at these sites for these groups (globs, separated by commas) besides those of other limits."""
    _, made = RightLimit.objects.get_or_create(user=user, role=role, target=target, sites=sites, groups=groups)
    return made


@transaction.atomic
def revoke(user: User, role: str, target: str) -> bool:
    """Take the role away, with its limits; False when it was not there."""
    groups = user.groups.filter(name=group_name(role, target))
    found = groups.exists()
    user.groups.remove(*groups)
    RightLimit.objects.filter(user=user, role=role, target=target).delete()
    return found
