"""Login of programs by a browser (as RFC 8628): begin, show the code, ask until it is approved."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpResponseBase
from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from registry.access import ANYONE, NOBODY, Access
from registry.api.problems import KINDS, TOLD_AS, Kind
from registry.api.schema import example
from registry.api.strict import Body, Items, Text
from registry.api.writing import Call, Resource, operation, route
from registry.identity import devices
from registry.resources.people import TokenMade

KINDS["login-pending"] = Kind(HTTPStatus.BAD_REQUEST, "Login pending", "Nobody has approved the login yet: ask again after the interval.")  # fmt: skip
KINDS["slow-down"] = Kind(HTTPStatus.BAD_REQUEST, "Slow down", "The login is pending, and was asked for too soon after the last time.")  # fmt: skip
KINDS["login-expired"] = Kind(HTTPStatus.BAD_REQUEST, "Login expired", "The login is too old, was used already, or never was: begin a new one.")  # fmt: skip
KINDS["login-rejected"] = Kind(HTTPStatus.FORBIDDEN, "Login rejected", "The user rejected the login in the browser.")
TOLD_AS.update({
    devices.Pending: "login-pending", devices.SlowDown: "slow-down", devices.Expired: "login-expired",
    devices.Rejected: "login-rejected",
})  # fmt: skip


@example(client="dynamo on lxplus01")
class LoginWished(Body):
    """Who wants to log in, and what for."""

    client = Text(required=False, allow_blank=True, default="", help_text="shown to the user who approves")
    scopes = Items(
        child=Text(max_length=64),
        required=False,
        allow_null=True,
        default=None,
        help_text="targets that the token shall be good for changing; null: whatever the user may; empty: reading only",
    )


@example(device_code="Zk3…")
class LoginAsked(Body):
    """Whether the login was approved."""

    device_code = Text(max_length=128)
    service = Text(required=False, allow_blank=True, default="", help_text="what acts under the user with the token")


class LoginBegun(serializers.Serializer[Any]):
    """What to show to the user, and what to keep."""

    device_code = serializers.CharField(help_text="secret: ask with it")
    user_code = serializers.CharField(help_text="to be typed in the browser")
    verification_uri = serializers.CharField(help_text="where")
    verification_uri_complete = serializers.CharField(help_text="the same with the code filled in")
    expires_in = serializers.IntegerField(help_text="seconds")
    interval = serializers.IntegerField(help_text="seconds between two calls")


class Devices(Resource):
    """Login of programs by a browser."""

    secrets = ("device_code", "secret")

    @operation(body=LoginWished, answer=LoginBegun)
    def begin(self, call: Call) -> Response:
        """Begin a login."""
        begun = devices.begin(call.body["client"], call.caller.address, call.body["scopes"])
        page = call.request.build_absolute_uri(reverse("device"))
        return _secret({
            "device_code": begun.secret, "user_code": begun.code, "verification_uri": page,
            "verification_uri_complete": f"{page}?code={begun.code}", "expires_in": begun.seconds,
            "interval": devices.INTERVAL,
        })  # fmt: skip

    @operation(body=LoginAsked, answer=TokenMade)
    def collect(self, call: Call) -> HttpResponseBase:
        """Ask whether it was approved; the answer then has the token, this once."""
        row, secret = devices.collect(call.body["device_code"], call.body["service"])
        return _secret({"id": row.pk, "service": row.service, "expires": row.expires, "secret": secret})


def _secret(data: dict[str, Any]) -> Response:
    return Response(data, headers={"Cache-Control": "no-store"})


_OPEN = Access(NOBODY, ANYONE, note="its user approves it in the browser")
urlpatterns = [
    route("device/codes", Devices, {"post": "begin"}, access=_OPEN),
    route("device/token", Devices, {"post": "collect"}, access=_OPEN),
]
