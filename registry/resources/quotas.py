"""Quotas: read with what is used of them, and set many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from registry import quotas
from registry.access import Access
from registry.api.inventory import sites
from registry.api.schema import example
from registry.api.strict import Body, Integer, Items, Text
from registry.api.writing import Call, operation, route

_MOST = 5000
_MOST_BYTES = 9_000_000_000_000_000_000


@example(site="T2_CH_CERN", partition="Physics", quota=1_500_000_000_000_000)
class QuotaWished(Body):
    """One quota."""

    site = Text()
    partition = Text(help_text="one with quotas of its own, no union")
    quota = Integer(min_value=-1, max_value=_MOST_BYTES, help_text="bytes; -1: no limit")
    before = Integer(
        min_value=-1, max_value=_MOST_BYTES, required=False, allow_null=True, default=None,
        help_text="what it has to be now, in bytes; without it whatever it is is overwritten",
    )  # fmt: skip


@example(quotas=[{"site": "T2_CH_CERN", "partition": "Physics", "quota": 1_500_000_000_000_000}])
class QuotasWished(Body):
    """Quotas to be set together."""

    quotas = Items(child=QuotaWished(), min_length=1, max_length=_MOST)


class QuotasSet(serializers.Serializer[Any]):
    """They are in force."""

    version = serializers.IntegerField(help_text="of the inventory: ask with the header Dynamo-Version to see them")
    changed = serializers.IntegerField(help_text="how many")


class Quotas(sites.Quotas):
    """Of every partition at every site."""

    def get_renderers(self) -> list[Any]:
        """What is set is told as JSON."""
        return [JSONRenderer()] if self.action == "change" else super().get_renderers()

    @operation(body=QuotasWished, answer=QuotasSet)
    def change(self, call: Call) -> Mapping[str, Any]:
        """Set quotas, all of them or none. What Detox would do with them is told by `/api/v1/detox/comparisons`."""
        wishes = [quotas.Wish(**one) for one in call.body["quotas"]]
        return {"version": quotas.set_quotas(call.caller, wishes), "changed": len(wishes)}


urlpatterns = [
    route("quotas", Quotas, {"get": "list", "patch": "change"}, access=Access(change=("operator", quotas.TARGET))),
]
