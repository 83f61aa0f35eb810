"""Detox locks: making them, and releasing one or many."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from dynamo_site.pages.acting import EXPECTED, Names, asker, blank, text_of, told
from dynamo_site.pages.shell import page
from inventory import client
from registry import locks
from registry.callers import caller_of
from registry.errors import Refused
from registry.locks import Wish

_LARGEST_ID = 2**63 - 1
_DEFAULT_DAYS = 30


class LockForm(forms.Form):
    """What Detox shall keep off, where, and until when."""

    items = Names(
        label="Datasets or blocks", help_text="One a line: a dataset or a glob, or DATASET#BLOCK.",
        widget=blank(forms.Textarea(attrs={"rows": 3}), placeholder="/Primary/Processing/TIER"),
    )  # fmt: skip
    sites = forms.CharField(
        required=False, max_length=255, help_text="A name or a glob; empty: all sites.", widget=blank(forms.TextInput(), list="site-names"),
    )  # fmt: skip
    groups = forms.CharField(
        required=False, max_length=255, help_text="A name or a glob; empty: all groups.", widget=blank(forms.TextInput(), list="group-names"),
    )  # fmt: skip
    expires = forms.DateField(
        label="Until", help_text="The lock protects to the end of this day (UTC); you are told before.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )  # fmt: skip
    comment = forms.CharField(required=False, max_length=1000, help_text="Why: others see it.")

    def wishes(self) -> list[Wish]:
        """For the service."""
        given = self.cleaned_data
        end = datetime.combine(given["expires"], datetime.max.time(), timezone.get_current_timezone())
        return [
            Wish(item, end.replace(microsecond=0), given["sites"], given["groups"], given["comment"])
            for item in given["items"]
        ]


@require_http_methods(["GET", "HEAD", "POST"])
def make(request: HttpRequest) -> HttpResponse:
    """Make locks; one that is there on the same gets the new end."""
    form = LockForm(request.POST or None, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = locks.set_locks(form.wishes(), asker(request).user)
        except EXPECTED as error:
            form.add_error(None, text_of(error))
        else:
            messages.success(
                request,
                f"{len(made)} lock{'s' if len(made) != 1 else ''} set until the end of {form.cleaned_data['expires']}.",
            )
            return redirect("locks")
    snapshot = client.snapshot()
    return page(
        request, "locks", "lock", None, 400 if form.errors else 200, form=form,
        sites=snapshot.frame("sites")["name"].sort().to_list(), groups=snapshot.frame("groups")["name"].sort().to_list(),
    )  # fmt: skip


def _initial(request: HttpRequest) -> dict[str, Any]:
    until = (timezone.now() + timedelta(days=_DEFAULT_DAYS)).date()
    return {"items": request.GET.get("item", ""), "sites": request.GET.get("site", ""), "expires": until}


@require_POST
def release(request: HttpRequest) -> HttpResponse:
    """Release the chosen locks, and show the list again."""
    chosen = [
        int(text)
        for text in request.POST.getlist("lock")
        if text.isascii() and text.isdecimal() and int(text) <= _LARGEST_ID
    ]
    with told(request, f"{len(chosen)} lock{'s' if len(chosen) != 1 else ''} released."):
        if not chosen:
            raise Refused("no lock is chosen: tick those to be released")
        locks.release(locks.existing(chosen), caller_of(request))
    text = request.POST.get("q", "")
    return redirect(f"{reverse('locks')}?{urlencode({'q': text})}")
