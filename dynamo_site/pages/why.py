"""Why a replica went or stayed in a Detox cycle."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from detox import explain, given, monitor
from detox.counterfactual import kept
from detox.counterfactual.search import FOR_THE_WEB
from detox.models import Cycle
from detox.report import order_text
from dynamo_site.pages.detox import cycle_called
from dynamo_site.pages.shell import page


@require_safe
def why(request: HttpRequest, number: int) -> HttpResponse:
    """Why a replica went or stayed: every line of the stack, the values it saw, and whether it matched."""
    row = cycle_called(number)
    place, dataset = request.GET.get("site", ""), request.GET.get("dataset", "")
    at_site = row.sites.filter(site=place).exists()
    asked = {"cycle": row.pk, "site": place, "dataset": dataset}
    try:
        story = explain.of_cycle(row, place, dataset)
        changes = _changes(request, row, place, dataset) if story["values_kept"] else None
    except given.CannotExplain as error:
        told = asked | {"error": str(error)}
        return page(request, "detox", "detox_why", told, http_status=404, row=row, at_site=at_site)
    texts = monitor.lines(row)
    outcome = [entry | {"text": texts.get(entry["line"], "")} for entry in story["outcome"]]
    return page(
        request, "detox", "detox_why", asked | {"story": story | {"outcome": outcome}, "changes": changes}, row=row,
        at_site=at_site, order=order_text(story["order"]) if story["order"] else "", looks=[_look(look) for look in story["looks"]],
    )  # fmt: skip


def _changes(request: HttpRequest, row: Cycle, place: str, dataset: str) -> dict[str, Any] | None:
    """What would have turned it; of a large cycle only when that is asked for, as it takes long."""
    if "changes" not in request.GET and not kept.is_quick(row):
        return None
    return kept.of_cycle(row, place, dataset, FOR_THE_WEB)


def _look(look: dict[str, Any]) -> dict[str, Any]:
    """The lines as far as there was something to decide, and apart from them those below."""
    read = [line for line in look["lines"] if line["left"]]
    below = [line for line in look["lines"] if not line["left"]]
    return look | {"read": read, "below": below}
