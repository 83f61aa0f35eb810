"""Addresses of the registry: the classic interface (see ``classic.addresses``), logging in and out."""

from __future__ import annotations

from http import HTTPStatus

from django.apps import apps
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from registry.access import ANYONE, Access, declared
from registry.api.problems import problem
from registry.classic import applock, inventory, locks, phedex, phedex_requests, requests
from registry.classic.addresses import PREFIXES, classic, is_classic
from registry.classic.envelope import View, failed, failure
from registry.errors import NotThere
from registry.identity.login import login

_LOCKS = {"lock": locks.lock, "unlock": locks.unlock, "list": locks.list_locks, "set": locks.set_locks}
CLASSIC: dict[str, View] = {
    "request/copy": requests.copy,
    "request/pollcopy": requests.poll_copy,
    "request/cancelcopy": requests.cancel_copy,
    "request/delete": requests.delete,
    "request/polldelete": requests.poll_delete,
    "request/canceldelete": requests.cancel_delete,
    "inventory/datasets": inventory.datasets,
    "inventory/groups": inventory.groups,
    "inventory/sites": inventory.sites,
    "inventory/stats/size": inventory.size,
    "inventory/stats/replication": inventory.replication,
    "inventory/stats/usage": inventory.usage,
    "inventory/inject": inventory.inject,
    "inventory/injectsync": inventory.inject_sync,
    "inventory/delete": inventory.delete,
    "inventory/deletesync": inventory.delete_sync,
    "inventory/injection": inventory.injection,
    "inventory/blockreplicas": phedex.blockreplicas,
    "inventory/subscriptions": phedex.subscribed,
    "inventory/nodes": phedex.nodes,
    "inventory/data": phedex.data,
    "inventory/lfn2pfn": phedex.lfn2pfn,
    "inventory/requestlist": phedex_requests.requestlist,
    "inventory/transferrequests": phedex_requests.transferrequests,
    "applock/check": applock.check,
    "applock/lock": applock.lock,
    "applock/unlock": applock.unlock,
    "applock/current": applock.current,
    **{f"{prefix}/{command}": view for prefix in ("detox/lock", "detoxlock") for command, view in _LOCKS.items()},
}
urlpatterns = [
    *classic(CLASSIC),
    *([path("", include("registry.identity.browser"))] if apps.is_installed("allauth.mfa") else []),
    *declared(Access(ANYONE, ANYONE), [
        path("login/", login, name="login"),
        path("logout/", LogoutView.as_view(next_page="/"), name="logout"),
    ]),
]  # fmt: skip


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For ``handler400``: what Django itself refuses, such as a host that is not ours."""
    if request.path.startswith("/api/"):
        return problem(request, "malformed", "this is no request that the server takes; is the address right?")
    if is_classic(request):
        return failed(HTTPStatus.BAD_REQUEST, "this is no request that the server takes; is the address right?")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """For ``handler500``: classic clients read the envelope of any answer, others problem details."""
    if request.path.startswith("/api/"):
        return problem(request, "failed", "the server failed; its log tells why")
    if is_classic(request):
        return failed(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log tells why")
    return defaults.server_error(request)


@csrf_exempt
def no_such_command(request: HttpRequest) -> HttpResponse:
    """The envelope for an address that no endpoint has."""
    return failure(NotThere(f"{request.path}: there is no such command"))


fallback = declared(
    Access(ANYONE, ANYONE, note="there is nothing"),
    [re_path(rf"^(?:{'|'.join(PREFIXES)})/", no_such_command, name="no-such-command")],
)
"""To stand after the classic endpoints of all components."""
