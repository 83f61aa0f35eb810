"""The editor of policies: completion, a check as one types, what if, saving and putting in force again."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dynamo_site.pages.acting import EXPECTED, blank, text_of
from dynamo_site.pages.policies import TARGET, wanted_number
from dynamo_site.pages.queueing import require_operator
from dynamo_site.pages.shell import page
from inventory import client
from inventory.errors import InventoryUnavailable
from inventory.policy import versions
from inventory.policy.checking import FileReport, World, check_text, together, world_of
from inventory.policy.errors import PolicyError
from inventory.policy.model import ACTIONS, OPERATORS
from inventory.policy.parser import MAX_TEXT
from inventory.policy.variables import VARIABLES
from registry import policy_desk
from registry.callers import caller_of

_SOURCE = "page"
_STATEMENTS = {
    "Partition": "the partition it is for", "On": "sites that it is for", "When": "a site is triggered when", "Until": "deletion at a site ends when",
    "Order": "candidates are deleted in the order of", "Algo": "how lines are read",
}  # fmt: skip
_WRITING = "a policy is written here as in a file; what is saved is in force for the next cycle"


class PolicyForm(forms.Form):
    """A text, the digest of the one in force when it was made, and why it was changed."""

    name = forms.CharField(
        max_length=255, help_text="Name of the file, such as Physics.txt.", widget=blank(forms.TextInput())
    )
    policy = forms.CharField(
        label="Text", strip=False, max_length=MAX_TEXT,
        widget=blank(forms.Textarea(attrs={"rows": 24, "data-complete": "words", "wrap": "off"})),
    )  # fmt: skip
    comment = forms.CharField(
        label="Why",
        required=False,
        max_length=2000,
        help_text="Whoever asks in a year who did that, and why, reads it.",
    )
    base = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def clean_policy(self) -> str:
        """Browsers send line ends of their own."""
        return _evened(self.cleaned_data["policy"])


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, name: str = "") -> HttpResponse:
    """The editor; sent by an operator of policies, the text is in force."""
    require_operator(request, TARGET)
    form = PolicyForm(request.POST or None, initial=_initial(request, name))
    if name:
        form.fields["name"].widget = forms.HiddenInput()
    if request.method == "POST" and form.is_valid() and _saved(request, form):
        return redirect("policy", name=form.cleaned_data["name"])
    known = _partition_of(form["policy"].value() or "") or _partition_of(form.initial["policy"])
    return page(
        request,
        "policies",
        "policy_edit",
        None,
        400 if form.errors else 200,
        form=form,
        name=name,
        subject=known,
        about=_WRITING,
    )


def _initial(request: HttpRequest, name: str) -> dict[str, Any]:
    """The text to begin from: that in force, or an older version's."""
    if not name:
        return {"name": "", "policy": "", "base": ""}
    text, wanted = _in_force(name, record=False), wanted_number(request, "version", 0)
    last = versions.newest(name)
    begin = text or (last.text if last else "")
    if wanted:
        try:
            begin = versions.version(name, wanted).text
        except versions.PolicyUnknown as error:
            raise Http404(str(error)) from error
    return {"name": name, "policy": begin, "base": versions.digest_of(text) if text else ""}


def _in_force(name: str, *, record: bool) -> str:
    """The text in force; empty where there is no good one, of which the page of the name tells."""
    try:
        return versions.in_force(name, record=record).text
    except (versions.PolicyUnknown, PolicyError):
        return ""


def _newest(name: str, base: str) -> int:
    """Number of the newest version, if the text in force is still that of ``base``. Raises PolicyChanged."""
    # What the policy directory has is a version from now on: the next one is made from it.
    text = _in_force(name, record=True)
    last = versions.newest(name)
    if (versions.digest_of(text) if text else "") != base:
        by = f": {last} was saved by {last.author}" if last else ""
        raise versions.PolicyChanged(
            f"{name} is not what you edited any more{by}; copy your text, look at what changed, and edit that one"
        )
    return last.number if last else 0


def _saved(request: HttpRequest, form: PolicyForm) -> bool:
    """Whether it was saved; else the form tells why not."""
    given = form.cleaned_data
    try:
        if check_text(given["policy"], given["name"]).kind == "partitions":
            form.add_error("policy", "partitions are the inventory's: `manage.py inventory partitions FILE` sets them")
            return False
        row = policy_desk.save(
            caller_of(request), given["name"], given["policy"], _SOURCE, based_on=_newest(given["name"], given["base"]),
            comment=given["comment"],
        )  # fmt: skip
    except PolicyError as error:
        form.add_error("policy", [str(mistake) for mistake in error.mistakes[:20]])
        return False
    except EXPECTED as error:
        form.add_error(None, text_of(error))
        return False
    messages.success(request, f"{row} is in force.")
    return True


@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """What is wrong with a text, and what in it is probably not meant: a part of the editor's page."""
    require_operator(request, TARGET)
    text, name = _evened(request.POST.get("policy", "")[:MAX_TEXT]), request.POST.get("name", "")[:255] or "policy"
    report = checked(text, name)
    return render(request, "pages/parts/policy_check.html", {"report": report, "empty": not text.strip()})


def checked(text: str, name: str) -> FileReport:
    """The text held against the names in the inventory; only against itself while that is away."""
    now = int(time.time())
    try:
        # Without the replicas: who types does not wait for a look at all of them.
        world = dataclasses.replace(world_of(client.snapshot(), now), snapshot=None)
    except (InventoryUnavailable, PolicyError):
        world = World(now)
    (report,) = together([check_text(text, name, world)], world)
    return report


@require_safe
def words(request: HttpRequest) -> JsonResponse:
    """What can stand in a policy, for completion: variables with what they mean, actions, statements, operators, names."""
    known: list[dict[str, str]] = [{"word": name, "what": what} for name, what in (_STATEMENTS | ACTIONS).items()]
    known += [{"word": one.name, "what": _described(one.description, one.unit)} for one in VARIABLES.values()]
    known += [{"word": value, "what": f"value of {one.name}"} for one in VARIABLES.values() for value in one.values]
    known += [
        {"word": name, "what": what} for name, what in OPERATORS.items() if name.isalpha() and name not in ("true",)
    ]
    try:
        snapshot = client.snapshot()
    except InventoryUnavailable:
        return JsonResponse({"words": _unique(known)})
    for table in ("sites", "groups", "partitions"):
        known += [{"word": name, "what": table[:-1]} for name in snapshot.frame(table)["name"]]
    return JsonResponse({"words": _unique(known)})


def _described(text: str, unit: str) -> str:
    return f"{text} ({unit})" if unit else text


def _unique(known: list[dict[str, str]]) -> list[dict[str, str]]:
    return list({entry["word"]: entry for entry in reversed(known)}.values())[::-1]


def _evened(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _partition_of(text: str) -> str:
    """The partition that a text is for, as far as it can be read."""
    report = check_text(_evened(text), "policy.txt")
    return report.names[0] if report.kind == "policy" and report.names else ""
