"""Pages of the first Dynamo, as operators have them in their bookmarks: each leads to what shows the same here."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

_PAGES = {
    "inventory/stats": "statistics", "detox": "detox", "detox/": "detox", "detox/test": "detox", "detox/lock/help": "locks",
    "applock/help": "runs", "transfers/list": "files", "transfers/current_list": "files",
    "transfers/history_list": "activity", "transfers/held": "files", "transfers/activity": "activity", "deletions/activity": "activity",
}  # fmt: skip
"""Command under ``/web/`` and the name of the page."""
_KEPT = frozenset({"statistics", "detox"})
"""Pages that take what the old ones were asked."""


@require_safe
def moved(request: HttpRequest, command: str) -> HttpResponse:
    """To the page that is there instead of the old one; to one cycle, where that was asked for."""
    name, asked = _PAGES[command], request.GET.copy()
    cycle = asked.get("cycle", "")
    if name == "detox" and cycle.isascii() and cycle.isdigit() and 0 < len(cycle) < 19 and int(cycle):
        return redirect("detox-cycle", number=int(cycle))
    if command == "detox/test":
        asked["test"] = "1"
    query = asked.urlencode() if name in _KEPT else ""
    return redirect(f"{reverse(name)}?{query}" if query else name)


urlpatterns: list[URLPattern] = [
    path(f"web/{command}", moved, {"command": command}, name=f"web-{command.replace('/', '-')}") for command in _PAGES
]
