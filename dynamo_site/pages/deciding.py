"""What can be done with a request on its page: withdraw, approve, reject, hand to the engines again, end by hand."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dynamo_site.pages.acting import asker, told
from dynamo_site.pages.shell import existing
from registry import approval, placing
from registry.asking import Asker
from registry.errors import Refused
from registry.lifecycle import REQUEST
from registry.models import Request

Action = Callable[[Request, Asker, str], None]
_LONGEST = 2000


@require_POST
def decide(request: HttpRequest, number: int) -> HttpResponse:
    """Do what the pressed button says, and show the request again."""
    row, name = existing(Request.objects.all(), number), request.POST.get("action", "")
    with told(request, f"{str(row).capitalize()} is {_DONE.get(name, '')}."):
        if name not in _ACTIONS:
            raise Refused(f"{name[:40]!r} is nothing that can be done with a request")
        _ACTIONS[name](row, asker(request), request.POST.get("reason", "").strip()[:_LONGEST])
    return redirect("request", number=row.pk)


def possible(row: Request, by: Asker | None) -> list[str]:
    """What ``by`` may do with it now."""
    if by is None:
        return []
    events = {event for status, event in REQUEST if status == row.status}
    found = (
        ["cancel"] if "cancel" in events and row.status != "cancelled" and (by.operator or by.user == row.user) else []
    )
    if {"approve", "reject"} & events and (by.operator or approval.decides(by, row)):
        found += [name for name in ("approve", "reject") if name in events]
    if by.operator:
        found += (["release"] if "release" in events else []) + (["fail"] if row.status == "activated" else [])
    return found


def _cancel(row: Request, by: Asker, reason: str) -> None:
    placing.cancel(row.kind, row.pk, by)


def _approve(row: Request, by: Asker, reason: str) -> None:
    approval.approve(row.kind, row.pk, by, reason)


def _reject(row: Request, by: Asker, reason: str) -> None:
    approval.reject(row.kind, row.pk, by, reason)


def _release(row: Request, by: Asker, reason: str) -> None:
    placing.release(row, by)


def _fail(row: Request, by: Asker, reason: str) -> None:
    placing.fail(row, by, reason)


_ACTIONS: dict[str, Action] = {
    "cancel": _cancel, "approve": _approve, "reject": _reject, "release": _release, "fail": _fail,
}  # fmt: skip
_DONE = {
    "cancel": "withdrawn",
    "approve": "approved",
    "reject": "rejected",
    "release": "handed to the engines again",
    "fail": "ended",
}
