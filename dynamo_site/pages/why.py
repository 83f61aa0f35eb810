"""Why a replica went or stayed in a Detox cycle."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from detox import explain
from dynamo_site.pages.detox import cycle_called
from dynamo_site.pages.shell import page


@require_safe
def why(request: HttpRequest, number: int) -> HttpResponse:
    """Why a replica went or stayed: every line of the stack, the values it saw, and whether it matched."""
    row = cycle_called(number)
    place, dataset = request.GET.get("site", ""), request.GET.get("dataset", "")
    try:
        story = explain.of_cycle(row, place, dataset)
    except explain.CannotExplain as error:
        return page(request, "detox", "detox_why", cycle=row, site=place, dataset=dataset, error=str(error))
    return page(request, "detox", "detox_why", cycle=row, site=place, dataset=dataset, story=story)
