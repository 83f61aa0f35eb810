"""Addresses of the registry: the classic interface under ``/data/``, and under its old name ``/registry/``."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from registry.classic import applock, inventory, locks, requests
from registry.classic.envelope import answer, failure
from registry.errors import NotThere

_LOCKS = [
    path("lock", locks.lock),
    path("unlock", locks.unlock),
    path("list", locks.list_locks),
    path("set", locks.set_locks),
]
CLASSIC: list[URLPattern | URLResolver] = [
    path("request/copy", requests.copy),
    path("request/pollcopy", requests.poll_copy),
    path("request/cancelcopy", requests.cancel_copy),
    path("request/delete", requests.delete),
    path("request/polldelete", requests.poll_delete),
    path("request/canceldelete", requests.cancel_delete),
    path("inventory/datasets", inventory.datasets),
    path("inventory/groups", inventory.groups),
    path("inventory/sites", inventory.sites),
    path("inventory/stats/size", inventory.size),
    path("inventory/stats/replication", inventory.replication),
    path("inventory/stats/usage", inventory.usage),
    path("inventory/blockreplicas", inventory.block_replicas),
    path("inventory/inject", inventory.inject),
    path("inventory/injectsync", inventory.inject_sync),
    path("inventory/delete", inventory.delete),
    path("inventory/deletesync", inventory.delete_sync),
    path("inventory/injection", inventory.injection),
    path("applock/check", applock.check),
    path("applock/lock", applock.lock),
    path("applock/unlock", applock.unlock),
    path("applock/current", applock.current),
    path("detox/lock/", include(_LOCKS)),
    path("detoxlock/", include(_LOCKS)),
]
urlpatterns = [
    path("data/", include(CLASSIC)),
    path("registry/", include(CLASSIC)),
    path("login/", LoginView.as_view(template_name="registry/login.html"), name="login"),
    path("logout/", LogoutView.as_view(next_page="/"), name="logout"),
]


def _is_classic(request: HttpRequest) -> bool:
    return request.path.startswith(("/data/", "/registry/"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For ``handler400``: what Django itself refuses, such as a host that is not ours."""
    if _is_classic(request):
        return answer(HTTPStatus.BAD_REQUEST, "this is no request that the server takes; is the address right?")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """For ``handler500``: classic clients read the envelope of any answer."""
    if _is_classic(request):
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log tells why")
    return defaults.server_error(request)


@csrf_exempt
def no_such_command(request: HttpRequest) -> HttpResponse:
    """The envelope for an address that no endpoint has."""
    return failure(NotThere(f"{request.path}: there is no such command"))


fallback = [re_path(r"^(?:data|registry)/", no_such_command)]
"""To stand after the classic endpoints of all components."""
