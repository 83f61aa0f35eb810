"""Asking for copies and deletions: the form, what would come of it, and asking."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from dynamo_site.pages.acting import EXPECTED, Names, asker, blank, text_of
from dynamo_site.pages.shell import page
from inventory import client
from inventory.snapshot import Snapshot
from registry import placing
from registry.asking import Wanted
from registry.models import RequestKind
from registry.preview import preview
from registry.settings import RegistrySettings, registry_settings

_SHOWN = 100


class DeletionForm(forms.Form):
    """What is to be deleted where."""

    items = Names(
        label="Datasets or blocks", help_text="One a line: a dataset, or DATASET#BLOCK.",
        widget=blank(forms.Textarea(attrs={"rows": 4}), placeholder="/Primary/Processing/TIER"),
    )  # fmt: skip
    sites = Names(
        label="Sites", help_text="Names or globs such as T2_US_*, separated by blanks.",
        widget=blank(forms.TextInput(), list="site-names"),
    )  # fmt: skip

    def wanted(self) -> Wanted:
        """For the service."""
        return Wanted(self.cleaned_data["items"], self.cleaned_data["sites"])


class CopyForm(DeletionForm):
    """What is to be copied where, how often, and for whom."""

    num_copies = forms.IntegerField(
        label="Copies", min_value=0, max_value=1000, initial=1,
        help_text="How many of the sites shall have it; Dynamo chooses. 0: every one of them.",
    )  # fmt: skip
    group = forms.CharField(
        label="Group", required=False, max_length=128, help_text="Who owns the copies.",
        widget=blank(forms.TextInput(), list="group-names"),
    )  # fmt: skip

    def __init__(self, *arguments: Any, settings: RegistrySettings, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if settings.default_group:
            self.fields["group"].help_text += f" Without one: {settings.default_group}."
        if settings.default_sites:
            self.fields["sites"].required = False
            self.fields["sites"].help_text += f" Without any: {' '.join(settings.default_sites)}."

    def wanted(self) -> Wanted:
        """For the service."""
        given = self.cleaned_data
        return Wanted(given["items"], given["sites"], given["group"] or None, given["num_copies"])


@require_http_methods(["GET", "HEAD", "POST"])
def copies(request: HttpRequest) -> HttpResponse:
    """Ask for copies."""
    settings = registry_settings()
    form = CopyForm(request.POST or None, settings=settings, initial=_initial(request))
    return _asked(request, RequestKind.COPY, form, settings)


@require_http_methods(["GET", "HEAD", "POST"])
def deletion(request: HttpRequest) -> HttpResponse:
    """Ask for a deletion."""
    form = DeletionForm(request.POST or None, initial=_initial(request))
    return _asked(request, RequestKind.DELETION, form, registry_settings())


def _initial(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET[name] for name in ("items", "sites", "group") if name in request.GET}


def _asked(request: HttpRequest, kind: str, form: DeletionForm, settings: RegistrySettings) -> HttpResponse:
    snapshot = client.snapshot()
    outlook = None
    if request.method == "POST" and form.is_valid():
        try:
            if "ask" in request.POST:
                return _placed(request, kind, snapshot, form.wanted(), settings)
            outlook = preview(snapshot, kind, asker(request), form.wanted(), settings)
        except EXPECTED as error:
            form.add_error(None, text_of(error))
    return page(
        request, f"ask-{kind}", "ask", None, 400 if form.errors else 200, kind=kind, form=form, preview=outlook, shown=_SHOWN,
        sites=snapshot.frame("sites")["name"].sort().to_list(), groups=snapshot.frame("groups")["name"].sort().to_list(),
    )  # fmt: skip


def _placed(
    request: HttpRequest, kind: str, snapshot: Snapshot, wanted: Wanted, settings: RegistrySettings
) -> HttpResponse:
    ask = placing.ask_copy if kind == RequestKind.COPY else placing.ask_deletion
    made = ask(snapshot, asker(request), wanted, settings)
    again = f"{str(made).capitalize()} asks for that already; it was counted once more."
    messages.success(request, again if made.count > 1 else f"{str(made).capitalize()} is made.")
    return redirect("request", number=made.pk)
