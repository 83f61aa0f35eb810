"""Confirming a cycle that the guard refused."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from detox import ordering
from dynamo_site.pages.detox import cycle_called, shown_cycle
from inventory.errors import InventoryError
from registry.callers import caller_of


@require_POST
def confirm(request: HttpRequest, number: int) -> HttpResponse:
    """Have a worker run the cycle anew, with what the guard refused confirmed by the caller, an operator of Detox."""
    row = cycle_called(number)
    try:
        ordering.confirm(caller_of(request), row)
    except InventoryError as error:
        return shown_cycle(request, row, http_status=409, refused=str(error))
    return redirect("/runs/?application=detox")
