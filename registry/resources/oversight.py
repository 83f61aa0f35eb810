"""People, their rights, and the audit log: for admins of the registry."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from rest_framework import serializers

from registry import granting, rights
from registry.access import NOBODY, Access
from registry.api.columns import by_name
from registry.api.rows import of_model
from registry.api.schema import example
from registry.api.strict import Body, Text
from registry.api.writing import Call, Resource, listing, operation, route
from registry.errors import NotThere, Refused
from registry.models import AuditRecord, RightLimit

USERS = by_name(
    *of_model(User, "id", "username", "email", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
)
AUDIT = by_name(*of_model(
    AuditRecord, "id", "time", "user", "roles", "method", "service", "address", "action", "target", "before", "after",
))  # fmt: skip


@example(user="ann", role="operator", target="registry", sites="T2_*")
class RightWished(Body):
    """A role on a target for a user, perhaps at some sites or for some groups only."""

    user = Text(max_length=150)
    role = Text(max_length=64)
    target = Text(max_length=64)
    sites = Text(max_length=1000, required=False, allow_blank=True, default="", help_text="globs, separated by commas")
    groups = Text(max_length=1000, required=False, allow_blank=True, default="", help_text="globs, separated by commas")


@example(user="ann", role="operator", target="registry")
class RightUnwanted(Body):
    """A role on a target that a user shall not have any more."""

    user = Text(max_length=150)
    role = Text(max_length=64)
    target = Text(max_length=64)


class RightShown(serializers.Serializer[Any]):
    """A role that a user has; several limits add up, none: everywhere."""

    user = serializers.CharField()
    role = serializers.CharField()
    target = serializers.CharField()
    limits = serializers.ListField(child=serializers.DictField())


class RightList(serializers.Serializer[Any]):
    """All rights."""

    results = serializers.ListField(child=RightShown())


class Users(Resource):
    """Accounts."""

    @listing(USERS)
    def list(self, call: Call) -> QuerySet[User]:
        """Everybody with an account."""
        return User.objects.all()


class Rights(Resource):
    """Who has which role on what."""

    @operation(answer=RightList)
    def list(self, call: Call) -> dict[str, Any]:
        """All roles of all users, with their limits."""
        return {"results": list(_rights(None))}

    @operation(body=RightWished, answer=RightList)
    def grant(self, call: Call) -> dict[str, Any]:
        """Give a role; the answer has all roles of that user. Only an admin of the target may."""
        body = call.body
        if body["role"] not in rights.ROLES or body["target"] not in rights.TARGETS:
            raise Refused(f"roles are {', '.join(rights.ROLES)}, targets {', '.join(rights.TARGETS)}")
        user = _user(body["user"])
        granting.grant(call.caller, user, body["role"], body["target"], body["sites"], body["groups"])
        return {"results": list(_rights(user))}

    @operation(body=RightUnwanted, answer=RightList)
    def revoke(self, call: Call) -> dict[str, Any]:
        """Take a role away, with its limits; once more is no error."""
        user = _user(call.body["user"])
        granting.revoke(call.caller, user, call.body["role"], call.body["target"])
        return {"results": list(_rights(user))}


class Audit(Resource):
    """What was changed by whom."""

    @listing(AUDIT)
    def list(self, call: Call) -> QuerySet[AuditRecord]:
        """The audit log, newest first; as CSV, Parquet or another form by `Accept`."""
        return AuditRecord.objects.all()


def _user(name: str) -> User:
    found = User.objects.filter(username=name).first()
    if found is None:
        raise NotThere(f"there is no user {name[:100]!r}")
    return found


def _rights(user: User | None) -> list[dict[str, Any]]:
    users = User.objects.filter(groups__name__contains=":") if user is None else User.objects.filter(pk=user.pk)
    limits: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in RightLimit.objects.select_related("user").filter(user__in=users.values("pk")):
        limits.setdefault((row.user.get_username(), row.target, row.role), []).append(
            {"sites": row.sites, "groups": row.groups}
        )
    named = users.filter(groups__name__contains=":").values_list("username", "groups__name")
    found = sorted((name, *group.split(":", 1)) for name, group in set(named))
    return [
        {"user": name, "role": role, "target": target, "limits": limits.get((name, target, role), [])}
        for name, target, role in found
    ]


_ADMIN = ("admin", "registry")
urlpatterns = [
    route("users", Users, {"get": "list"}, access=Access(_ADMIN)),
    route(
        "rights",
        Rights,
        {"get": "list", "post": "grant"},
        access=Access(_ADMIN, _ADMIN, note="granting: admin on the target, too"),
    ),
    route("rights/revoke", Rights, {"post": "revoke"}, access=Access(NOBODY, _ADMIN, note="admin on the target, too")),
    route("audit", Audit, {"get": "list"}, access=Access(_ADMIN)),
]
