"""Who calls, and with what: oneself, one's tokens."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.response import Response

from registry import rights, token_desk
from registry.access import KNOWN, Access
from registry.api.columns import by_name
from registry.api.rows import of_model, row_of
from registry.api.schema import example
from registry.api.strict import Body, Items, Number, Text
from registry.api.writing import Call, Resource, listing, operation, route
from registry.models import ApiToken, UserDN

TOKENS = by_name(*of_model(ApiToken, "id", "service", "scopes", "created", "expires", "last_used", "revoked"))


@example(service="production", days=90)
class TokenWished(Body):
    """A token for oneself."""

    service = Text(required=False, allow_blank=True, default="", help_text="what acts under the user with it")
    days = Number(
        required=False,
        allow_null=True,
        default=90,
        min_value=0.01,
        max_value=36500,
        help_text="until it ends; null: never",
    )
    scopes = Items(
        child=Text(), required=False, allow_null=True, default=None, max_length=100,
        help_text="targets that it is good for changing; null: whatever the user may",
    )  # fmt: skip


class Oneself(serializers.Serializer[Any]):
    """Who calls, and with which rights."""

    user = serializers.CharField()
    service = serializers.CharField()
    method = serializers.CharField(help_text="by what the caller is known: token, certificate, jwt, session")
    scopes = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="targets that these credentials are good for; null: all",
    )
    email = serializers.CharField()
    dns = serializers.ListField(child=serializers.CharField())
    rights = serializers.ListField(child=serializers.CharField(), help_text="target:role")
    superuser = serializers.BooleanField()


class TokenMade(serializers.Serializer[Any]):
    """A new token; `secret` is shown this once, and kept nowhere."""

    id = serializers.IntegerField()
    service = serializers.CharField(allow_blank=True)
    expires = serializers.DateTimeField(allow_null=True)
    secret = serializers.CharField()


class WhoAmI(Resource):
    """The caller."""

    @operation(answer=Oneself)
    def show(self, call: Call) -> dict[str, Any]:
        """Who calls; 401 for nobody known."""
        user: Any = call.caller.user
        groups = user.groups.order_by("name").values_list("name", flat=True)
        return {
            "user": call.caller.name, "service": call.caller.service, "method": call.caller.method,
            "scopes": None if call.caller.scopes is None else sorted(call.caller.scopes), "email": user.email, "superuser": user.is_superuser,
            "dns": list(UserDN.objects.filter(user=user).order_by("id").values_list("dn", flat=True)),
            "rights": [name for name in groups if ":" in name and name.split(":")[1] in rights.ROLES],
        }  # fmt: skip


class Tokens(Resource):
    """The caller's bearer tokens."""

    secrets = ("secret",)

    @listing(TOKENS)
    def list(self, call: Call) -> QuerySet[ApiToken]:
        """One's own tokens, without their secrets."""
        return _own(call)

    @operation(body=TokenWished, answer=TokenMade, status=201)
    def create(self, call: Call) -> HttpResponseBase:
        """Make a token for oneself. By a token it is made by one without scopes only, and ends no later than that."""
        row, secret = token_desk.make(call.caller, **call.body)
        made = {"id": row.pk, "service": row.service, "expires": row.expires, "secret": secret}
        return Response(made, 201, headers={"Location": f"/api/v1/tokens/{row.pk}", "Cache-Control": "no-store"})

    @operation(answer=TOKENS)
    def show(self, call: Call) -> dict[str, Any]:
        """One of one's own tokens."""
        return row_of(_one(call), TOKENS)

    @operation()
    def revoke(self, call: Call) -> None:
        """Revoke one of one's own tokens; once more is no error. A token with scopes revokes only itself."""
        token_desk.revoke(call.caller, _one(call))


def _own(call: Call) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user_id=call.caller.user.pk or 0)


def _one(call: Call) -> ApiToken:
    return call.one(_own(call), "you have no token")


_OWN = Access(read=KNOWN, change=KNOWN)
urlpatterns = [
    route("whoami", WhoAmI, {"get": "show"}, access=Access(read=KNOWN)),
    route("tokens", Tokens, {"get": "list", "post": "create"}, access=_OWN),
    route("tokens/<int:number>", Tokens, {"get": "show", "delete": "revoke"}, name="v1-tokens-one", access=_OWN),
]
