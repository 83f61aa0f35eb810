"""``/api/v1/servers``: is every part there that Dynamo needs, and how far behind are those that follow?"""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from dynamo_site.health import check_all
from dynamo_site.watchers import may_watch
from inventory import client
from inventory.errors import InventoryError
from registry.access import KNOWN, Access
from registry.api.writing import Call, Resource, operation, route

INVENTORY = {
    "type": "object", "additionalProperties": True, "required": ["name", "reachable"],
    "description": "The inventory server: role, version, followers with their lag, troubles; as `inventory status --json` tells.",
    "properties": {"name": {"type": "string"}, "reachable": {"type": "boolean"}, "reason": {"type": "string"}},
}  # fmt: skip


class Server(serializers.Serializer[Any]):
    """One part."""

    name = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField(help_text="what is wrong and what to do; for known users", allow_blank=True)
    facts = serializers.DictField(help_text="for known users")


class Servers(Resource):
    """The parts of this installation."""

    @operation(answer=Server(many=True))
    def list(self, call: Call) -> list[dict[str, Any]]:
        """Health of all parts: database, Redis, inventory, workers, disk, sources."""
        told = call.caller.known or may_watch(call.request._request)
        return [
            {
                "name": name,
                "ok": part.ok,
                "detail": part.detail if told else "",
                "facts": dict(part.facts) if told else {},
            }
            for name, part in check_all().items()
        ]

    @operation(answer=INVENTORY)
    def inventory(self, call: Call) -> dict[str, Any]:
        """What the inventory server says of itself."""
        try:
            return {"name": "inventory", "reachable": True, **client.status()}
        except InventoryError as error:
            return {"name": "inventory", "reachable": False, "reason": str(error)}


urlpatterns = [
    route("servers", Servers, {"get": "list"}),
    route("servers/inventory", Servers, {"get": "inventory"}, name="v1-servers-inventory", access=Access(read=KNOWN)),
]
