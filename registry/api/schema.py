"""The OpenAPI 3.1 schema: what drf-spectacular cannot know by itself of our operations."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema_serializer
from rest_framework import serializers

from registry.api import idempotency
from registry.api.problems import CONTENT_TYPE, KINDS, PREFIX
from registry.api.strict import Strict

_KEY = OpenApiParameter(
    idempotency.HEADER, {"type": "string", "pattern": "^[!-~]{1,255}$"}, OpenApiParameter.HEADER,
    description="The same POST sent again with the same key gets the same answer, and is carried out once.",
)  # fmt: skip
_PROBLEM = {"$ref": "#/components/responses/Problem"}
COMPONENTS: dict[str, dict[str, Any]] = {
    "schemas": {
        "Problem": {
            "type": "object", "description": "Problem details (RFC 9457).",
            "required": ["type", "title", "status", "detail", "instance"],
            "properties": {
                "type": {"type": "string", "description": "what kind of problem; the address tells more"},
                "title": {"type": "string"}, "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "detail": {"type": "string", "description": "what is wrong, with what, and what to do"},
                "instance": {"type": "string", "description": "the path that was called"},
                "errors": {
                    "type": "array", "description": "each mistake with its field",
                    "items": {
                        "type": "object", "required": ["field", "detail"],
                        "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
                    },
                },
            },
            "example": {
                "type": f"{PREFIX}invalid", "title": "Invalid fields", "status": 400, "detail": "items: This field is required.",
                "instance": "/api/v1/copy-requests", "errors": [{"field": "items", "detail": "This field is required."}],
            },
        }
    },
    "responses": {
        "Problem": {
            "description": "What went wrong.",
            "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
}  # fmt: skip


class Schema(AutoSchema):
    """Tags by kind of resource, problems as answers of every operation, the idempotency key, and strict bodies."""

    def get_tags(self) -> list[str]:
        """The first part of the path."""
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_operation_id(self) -> str:
        """Path and action: unique, and the same as long as these are."""
        parts = self.path.removeprefix("/api/v1/").replace("-", "_").split("/")
        action = getattr(self.view, "action", None) or self.method.lower()
        return "_".join([*(f"by_{part[1:-1]}" if part.startswith("{") else part for part in parts if part), action])

    def get_override_parameters(self) -> list[Any]:
        """What was declared, and the idempotency key."""
        return [*super().get_override_parameters(), *([_KEY] if self.method == "POST" else [])]

    def get_operation(self, *arguments: Any, **named: Any) -> Any:
        """The operation; everything but a success is a problem."""
        found = super().get_operation(*arguments, **named)
        if found is not None:
            found["responses"] |= {"4XX": _PROBLEM, "5XX": _PROBLEM}
        return found

    def _is_list_view(self, serializer: Any = None) -> bool:
        # A method called list answers with a page, which is said as it is.
        return isinstance(serializer, serializers.ListSerializer)

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        found = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Strict):
            found["additionalProperties"] = False
        return found


def with_components(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's hook: the schema with what all operations share."""
    # Components have added kinds of their own by now.
    COMPONENTS["schemas"]["Problem"]["properties"]["type"]["enum"] = [PREFIX + name for name in KINDS]
    for kind, found in COMPONENTS.items():
        result["components"].setdefault(kind, {}).update(found)
    return result


def example(**values: Any) -> Any:
    """Decorates a serializer: what it looks like, for the schema."""

    def decorate(kind: type[serializers.Serializer[Any]]) -> Any:
        return extend_schema_serializer(examples=[OpenApiExample("example", value=values)])(kind)

    return decorate
