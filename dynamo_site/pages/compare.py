"""What-if: a form for a changed policy, quotas, statuses and locks, and what then more and less would go."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from detox import comparing, tasks
from detox.asking import Question
from detox.models import Comparison, ComparisonState
from detox.policies import PolicyUnreadable, policy_in_force, readable
from dynamo_site.pages import compare_bars
from dynamo_site.pages.detox import cycle_called
from dynamo_site.pages.queueing import is_operator, queue
from dynamo_site.pages.shell import page
from inventory.errors import InventoryError
from inventory.policy.errors import PolicyError
from registry.callers import caller_of

_LISTS = ("quotas", "statuses", "locks", "unlocks")
_SHOWN = 20
_LONGEST = 200_000


@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest) -> HttpResponse:
    """The form, filled with what is in force; sent by an operator of Detox, it starts a comparison."""
    if request.method == "POST":
        return _started(request)
    given = dict.fromkeys(_LISTS, "") | {"policy": "", "cycle": request.GET.get("cycle", "")}
    given["subject"] = request.GET.get("partition") or next(iter(readable()), "")
    given["policy"] = _policy(given)
    return _form(request, given)


def _policy(given: dict[str, str]) -> str:
    """The text to begin from: that of the cycle, or the one in force."""
    if given["cycle"].isdecimal():
        cycle = cycle_called(int(given["cycle"]))
        given["subject"] = cycle.partition
        return cycle.policy
    try:
        return policy_in_force(given["subject"]).text if given["subject"] else ""
    except (PolicyUnreadable, PolicyError):
        # The form is shown all the same: somebody may want to paste a policy.
        return ""


def _form(request: HttpRequest, given: dict[str, str], error: str = "", http_status: int = 200) -> HttpResponse:
    rows = [_header(row) for row in Comparison.objects.defer("answer")[:_SHOWN]]
    return page(
        request, "detox", "detox_compare", {"comparisons": rows}, http_status, given=given, error=error,
        partitions=sorted(readable()), may_ask=is_operator(request, "detox"),
    )  # fmt: skip


def _header(row: Comparison) -> dict[str, Any]:
    return {
        "number": row.pk,
        "author": row.author,
        "state": row.state,
        "created": row.created,
        "of": row.question.get("subject", ""),
    }


def _started(request: HttpRequest) -> HttpResponse:
    given = {name: request.POST.get(name, "")[:_LONGEST] for name in ("subject", "policy", "cycle", *_LISTS)}
    lists: dict[str, Any] = {name: tuple(filter(None, map(str.strip, given[name].splitlines()))) for name in _LISTS}
    number = int(given["cycle"]) if given["cycle"].isdecimal() and len(given["cycle"]) < 19 else None
    policy = given["policy"] if given["policy"].strip() else None
    try:
        comparison = comparing.start(
            Question(given["subject"], policy=policy, cycle=number, **lists), caller_of(request)
        )
    except InventoryError as error:
        return _form(request, given, str(error), 400)
    try:
        queue(tasks.compare, comparison.pk)
    except InventoryError as error:
        comparing.fail(comparison, str(error))
    return redirect("detox-comparison", number=comparison.pk)


@require_safe
def answer(request: HttpRequest, number: int) -> HttpResponse:
    """What came out, or that it is being computed."""
    comparing.give_up_late()
    row = Comparison.objects.filter(pk=min(number, 2**63 - 1)).first()
    if row is None:
        raise Http404(f"there is no comparison {number}; old ones are forgotten")
    done = row.state == ComparisonState.DONE
    data = _header(row) | {"question": row.question, "error": row.error, "answer": row.answer}
    return page(
        request, "detox", "detox_comparison", data, row=row, open=row.state in (ComparisonState.WAITING, ComparisonState.COMPUTING),
        done=done, bars=compare_bars.of_sites(row.answer) if done else [], shown=comparing.SHOWN,
        asked=[(name, row.question.get(name, [])) for name in _LISTS],
    )  # fmt: skip
