"""Giving roles to users and taking them away, by whoever is admin of the target; on record, within limits."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from registry import audit, rights
from registry.callers import Caller
from registry.errors import Refused
from registry.models import RightLimit


@transaction.atomic
@audit.one_record()
def grant(by: Caller, user: User, role: str, target: str, sites: str = "", groups: str = "") -> None:
    """Give ``user`` the role on the target, at ``sites`` for ``groups`` (globs, separated by commas; empty: all).

    Raises Denied unless ``by`` is admin of the target without limits: nobody hands on more than they have. Raises Refused.
    """
    rights.require(by, "admin", target)
    name = f"{target}:{role}"
    granted = rights.grant(user, role, target)
    limits = RightLimit.objects.filter(user=user, role=role, target=target)
    if not granted and not limits.exists():
        raise Refused(
            f"{user.username} has {name} everywhere already" + (": take it away first" if sites or groups else "")
        )
    if sites or groups:
        rights.limit(user, role, target, sites, groups)
    else:
        limits.delete()
    audit.record(by, "right.grant", user.username, None, {"right": name, "sites": sites, "groups": groups})


@transaction.atomic
@audit.one_record()
def revoke(by: Caller, user: User, role: str, target: str) -> bool:
    """Take the role with its limits away; False when it was not there. Raises Denied."""
    rights.require(by, "admin", target)
    found = rights.revoke(user, role, target)
    if found:
        audit.record(by, "right.revoke", user.username, {"right": f"{target}:{role}"}, None)
    return found
