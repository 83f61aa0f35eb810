"""Policies and enforcer rules: the texts in force, their versions, a check, and putting a new one in force."""

from __future__ import annotations

import time
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from inventory import client
from inventory.errors import InventoryUnavailable
from inventory.models import PolicyVersion
from inventory.policy import versions
from inventory.policy.checking import World, check_text, together, world_of
from inventory.policy.errors import PolicyError
from inventory.policy.parser import MAX_TEXT
from registry import policy_desk
from registry.access import KNOWN, NOBODY, Access
from registry.api.columns import by_name
from registry.api.rows import of_model
from registry.api.schema import example
from registry.api.strict import Body, Integer, Text
from registry.api.writing import Call, Resource, listing, operation, route

FIELDS = by_name(*of_model(
    PolicyVersion, "id", "name", "number", "kind", "digest", "author", "time", "source", "origin", "revision", "comment",
    name="Physics.txt",
))  # fmt: skip
WITH_TEXT = by_name(*FIELDS.values(), *of_model(PolicyVersion, "text"))


@example(
    text="Partition Physics\nOn site.name == T2_*\nWhen site.occupancy > 0.9\nUntil site.occupancy < 0.85\nDismiss\n",
    name="Physics.txt",
)
class PolicyText(Body):
    """A text to be checked."""

    text = Text(max_length=MAX_TEXT)
    name = Text(required=False, default="policy.txt", help_text="as what it is checked")


@example(text="Partition Physics\nOn site.name == T2_*\nDismiss\n", based_on=3, comment="keep RAW longer")
class PolicyLoaded(Body):
    """A text to be put in force."""

    text = Text(max_length=MAX_TEXT)
    based_on = Integer(
        required=False,
        allow_null=True,
        default=None,
        help_text="the version that was edited (0: none); 409 if there is a newer one",
    )
    comment = Text(max_length=4000, required=False, allow_blank=True, default="")


class Policy(serializers.Serializer[Any]):
    """A text in force."""

    name = serializers.CharField()
    kind = serializers.CharField(help_text="policy, partitions or rules")
    number = serializers.IntegerField(
        help_text="version; 0: the policy directory has it, and no cycle has followed it yet"
    )
    text = serializers.CharField()
    alarm = serializers.CharField(help_text="why what the policy directory has is not followed; empty: it is")
    origin = serializers.CharField()


class PolicyName(serializers.Serializer[Any]):
    """A name, and whether a text of it can be followed."""

    name = serializers.CharField()
    kind = serializers.CharField(allow_null=True)
    number = serializers.IntegerField(allow_null=True)
    trouble = serializers.CharField(help_text="why there is none in force; empty: there is")


class Checked(serializers.Serializer[Any]):
    """What a check found."""

    file = serializers.CharField()
    kind = serializers.CharField()
    usable = serializers.BooleanField()
    names = serializers.ListField(child=serializers.CharField())
    findings = serializers.ListField(child=serializers.DictField())


class Policies(Resource):
    """Texts by name."""

    largest_body = 4 * MAX_TEXT

    @operation(answer=PolicyName(many=True))
    def list(self, call: Call) -> list[dict[str, Any]]:
        """All names, with what is in force."""
        return [_told(name) for name in versions.names()]

    @operation(answer=Policy)
    def show(self, call: Call) -> dict[str, Any]:
        """The text in force."""
        return _as_dict(versions.in_force(call.path["name"]))

    @listing(FIELDS)
    def versions(self, call: Call) -> QuerySet[PolicyVersion]:
        """All versions of a name, newest first."""
        return PolicyVersion.objects.filter(name=call.path["name"])

    @operation(answer=WITH_TEXT)
    def version(self, call: Call) -> PolicyVersion:
        """One version with its text."""
        return versions.version(call.path["name"], call.path["number"])

    @operation(body=PolicyText, answer=Checked)
    def check(self, call: Call) -> dict[str, Any]:
        """Check a text against the language and the present inventory; nothing is kept."""
        world = _world()
        report = check_text(call.body["text"], call.body["name"], world)
        return together([report], world)[0].as_dict()

    @operation(body=PolicyLoaded, answer=WITH_TEXT, status=201)
    def load(self, call: Call) -> PolicyVersion:
        """Put a text in force as a new version; the same text again is no new version."""
        name, given = call.path["name"], call.body
        return policy_desk.save(
            call.caller, name, given["text"], "api", based_on=given["based_on"], comment=given["comment"]
        )

    @operation(answer=WITH_TEXT, status=201)
    def restore(self, call: Call) -> PolicyVersion:
        """Put an old version in force again, as a new one."""
        return policy_desk.restore(call.caller, call.path["name"], call.path["number"])


def _told(name: str) -> dict[str, Any]:
    try:
        found = versions.in_force(name)
    except (versions.PolicyUnknown, PolicyError) as error:
        return {"name": name, "kind": None, "number": None, "trouble": str(error)}
    return {"name": name, "kind": found.kind, "number": found.number, "trouble": ""}


def _as_dict(found: versions.InForce) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("name", "kind", "number", "text", "alarm", "origin")}


def _world() -> World:
    """What the text is held against; only itself while the inventory is away."""
    now = int(time.time())
    try:
        return world_of(client.snapshot(), now)
    except InventoryUnavailable:
        return World(now)


_LOAD = Access(change=("operator", "policy"))
_CHECK = Access(NOBODY, KNOWN, reads=True, note="only reads")
urlpatterns = [
    route("policies", Policies, {"get": "list"}),
    route("policies/check", Policies, {"post": "check"}, access=_CHECK),
    route("policies/<str:name>", Policies, {"get": "show", "put": "load"}, name="v1-policies-one", access=_LOAD),
    route("policies/<str:name>/versions", Policies, {"get": "versions"}, name="v1-policies-versions"),
    route("policies/<str:name>/versions/<int:number>", Policies, {"get": "version"}, name="v1-policies-version"),
    route(
        "policies/<str:name>/versions/<int:number>/restore",
        Policies,
        {"post": "restore"},
        name="v1-policies-restore",
        access=_LOAD,
    ),
]
