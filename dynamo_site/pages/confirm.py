"""Confirming a cycle that the guard refused."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from detox import confirming, tasks
from detox.policies import load_policy
from dynamo_site.pages.detox import cycle_called, shown_cycle
from dynamo_site.pages.queueing import queue, require_operator
from inventory.errors import InventoryError
from registry import audit
from registry.callers import caller_of


@require_POST
def confirm(request: HttpRequest, number: int) -> HttpResponse:
    """Have a worker run the cycle anew, with what the guard refused confirmed by the caller, an operator of Detox."""
    author = require_operator(request, "detox")
    row = cycle_called(number)
    try:
        name = confirming.policy_name(row)
        confirming.check(row.pk, load_policy(name))
        queue(tasks.cycle, name, confirms=row.pk, author=author)
        audit.record(caller_of(request), "detox.confirm", str(row))
    except InventoryError as error:
        return shown_cycle(request, row, http_status=409, refused=str(error))
    return redirect("/runs/?application=detox")
