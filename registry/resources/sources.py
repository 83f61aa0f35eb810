"""Attribute sources: where attributes of datasets come from, and what came of reading each."""

from __future__ import annotations

from django.db.models import QuerySet

from registry.api.columns import by_name
from registry.api.rows import of_model
from registry.api.writing import Call, Resource, listing, operation, route
from registry.errors import NotThere
from registry.models import AttributeFetch, AttributeSource

# Configurations may name places that only operators see.
FIELDS = by_name(*of_model(
    AttributeSource, "id", "name", "kind", "enabled", "every", "stale_after", "on_trouble", "changed_by", "changed_at", "tried_at",
    "good_at", "good_rows", "failing_since", "error",
))  # fmt: skip
FETCHES = by_name(*of_model(
    AttributeFetch, "id", "started", "ended", "author", "good", "rows", "unknown", "changed", "version", "run", "error",
))  # fmt: skip


class Sources(Resource):
    """Attribute sources."""

    @listing(FIELDS)
    def list(self, call: Call) -> QuerySet[AttributeSource]:
        """All sources."""
        return AttributeSource.objects.all()

    @operation(answer=FIELDS)
    def show(self, call: Call) -> AttributeSource:
        """One source."""
        return _found(call)

    @listing(FETCHES)
    def fetches(self, call: Call) -> QuerySet[AttributeFetch]:
        """Readings of a source, newest first."""
        return _found(call).fetches.all()


def _found(call: Call) -> AttributeSource:
    row = AttributeSource.objects.filter(name=call.path["name"]).first()
    if row is None:
        raise NotThere(f"there is no attribute source called {call.path['name'][:100]}")
    return row


urlpatterns = [
    route("sources", Sources, {"get": "list"}),
    route("sources/<str:name>", Sources, {"get": "show"}, name="v1-sources-one"),
    route("sources/<str:name>/fetches", Sources, {"get": "fetches"}, name="v1-sources-fetches"),
]
