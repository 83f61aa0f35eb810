"""Policies and enforcer rules: what is in force, since when and by whom, older versions, and what changed."""

from __future__ import annotations

import difflib
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from dynamo_site.pages.acting import told
from dynamo_site.pages.queueing import is_operator
from dynamo_site.pages.shell import page
from inventory.models import PolicyVersion
from inventory.policy import versions
from inventory.policy.errors import PolicyError
from registry import policy_desk
from registry.callers import caller_of

TARGET = "policy"
"""What the right to edit is on."""


@require_safe
def policies(request: HttpRequest) -> HttpResponse:
    """All names, with the version in force or why there is none."""
    rows = [_state(name) for name in versions.names(("*.txt", "*.json"))]
    return page(request, "policies", "policies", {"policies": rows}, may_edit=is_operator(request, TARGET))


def _state(name: str) -> dict[str, Any]:
    last = versions.newest(name)
    row: dict[str, Any] = {
        "name": name,
        "number": 0,
        "kind": "",
        "alarm": "",
        "error": "",
        "partitions": name.startswith("partitions"),
    }
    if last is not None:
        row |= {"author": last.author, "time": last.time, "comment": last.comment, "source": last.source}
    try:
        found = versions.in_force(name)
    except (versions.PolicyUnknown, PolicyError) as error:
        return row | {"error": str(error).splitlines()[0]}
    return row | {"number": found.number, "kind": found.kind, "alarm": found.alarm}


@require_safe
def policy(request: HttpRequest, name: str) -> HttpResponse:
    """One name: the text in force, or that of ``version``, and all versions."""
    rows = PolicyVersion.objects.filter(name=name).defer("text")[:200]
    wanted = wanted_number(request, "version", 0)
    state, text, number = _state(name), "", 0
    try:
        if wanted:
            shown = versions.version(name, wanted)
            text, number = shown.text, shown.number
        else:
            force = versions.in_force(name)
            text, number = force.text, force.number
    except versions.PolicyUnknown as error:
        if not rows:
            raise Http404(str(error)) from error
        state["error"] = str(error)
    except PolicyError as error:
        state["error"] = str(error)
    data = {"policy": state, "text": text, "number": number, "versions": rows}
    return page(
        request, "policies", "policy", data, lines=list(enumerate(text.split("\n"), start=1)), may_edit=is_operator(request, TARGET)
    )  # fmt: skip


@require_safe
def changes(request: HttpRequest, name: str) -> HttpResponse:
    """What changed from one version to another; without numbers, what the newest changed."""
    rows = {row.number: row for row in PolicyVersion.objects.filter(name=name)[:200]}
    if not rows:
        raise Http404(f"there is no version of {name[:100]!r}")
    after = wanted_number(request, "to", max(rows))
    before = wanted_number(request, "from", max((number for number in rows if number < after), default=0))
    if after not in rows or (before and before not in rows):
        raise Http404(f"{name[:100]} has no version {after if after not in rows else before}")
    old, new = rows[before].text if before else "", rows[after].text
    lines = [
        _marked(line) for line in list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=4))[2:]
    ]
    return page(
        request, "policies", "policy_changes", {"name": name, "before": before, "after": after, "lines": lines}, row=rows[after], numbers=sorted(rows, reverse=True)
    )  # fmt: skip


def _marked(line: str) -> tuple[str, str]:
    """A line of a diff with what it is: "+", "-", "@" or " "."""
    return line[:1], line


def wanted_number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else default


@require_POST
def restore(request: HttpRequest, name: str) -> HttpResponse:
    """Put an old version in force again, as a new one."""
    number = request.POST.get("version", "")
    with told(request, f"The text of version {number} is in force again."):
        wanted = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else 0
        policy_desk.restore(caller_of(request), name, wanted)
    return redirect("policy", name=name)
