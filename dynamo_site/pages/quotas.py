"""Quotas of all sites and partitions: edited many at once, and what Detox would do if they were so."""

from __future__ import annotations

from typing import Any

import polars as pl
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from detox import comparing, tasks
from detox.asking import Question
from detox.policies import readable
from dynamo_site.pages.acting import EXPECTED, text_of
from dynamo_site.pages.overview import OCCUPANCY
from dynamo_site.pages.queueing import NoBroker, is_operator, queue
from dynamo_site.pages.shell import page
from inventory import client
from inventory.entering import quota_bytes
from inventory.errors import ChangeRefused
from inventory.partitions import definitions, simple_parts
from inventory.snapshot import Snapshot
from registry import quotas as quota_desk
from registry.callers import caller_of
from registry.quotas import TARGET, Wish, written

_MOST = 5000
"""Cells of the table; an installation with more sets them with the command."""


class QuotaForm(forms.Form):
    """A field for each site and partition; ``was`` holds what the page showed, so that only what was typed is changed."""

    def __init__(self, quotas: dict[tuple[str, str], int], *arguments: Any, may_edit: bool, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.places: dict[str, tuple[str, str]] = {}
        self.quotas = quotas
        for number, ((site, partition), quota) in enumerate(quotas.items()):
            attributes = {"aria-label": f"{partition} at {site}, TB", "inputmode": "decimal", "size": "8"}
            self.places[f"quota-{number}"] = (site, partition)
            self.fields[f"quota-{number}"] = forms.CharField(
                initial=written(quota), max_length=20, disabled=not may_edit, widget=forms.TextInput(attrs=attributes)
            )
            self.fields[f"was-{number}"] = forms.CharField(
                initial=written(quota), widget=forms.HiddenInput, required=False, max_length=20
            )
            self.fields[f"at-{number}"] = forms.CharField(
                initial=f"{site} {partition}", widget=forms.HiddenInput, required=False, max_length=300
            )

    def clean(self) -> dict[str, Any]:
        """What differs from what was shown is what is wanted; what somebody else has changed meanwhile is not overwritten."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        self.changed: list[Wish] = []
        for name, (site, partition) in self.places.items():
            text, was = given.get(name, ""), given.get(name.replace("quota", "was"), "")
            if not text or text == was:
                continue
            if given.get(name.replace("quota", "at")) != f"{site} {partition}":
                raise forms.ValidationError("sites or partitions have changed meanwhile: load the page again")
            if was != written(self.quotas[site, partition]):
                self.add_error(name, f"it is {written(self.quotas[site, partition])} meanwhile; it was {was}")
                continue
            try:
                self.changed.append(Wish(site, partition, quota_bytes(text), self.quotas[site, partition]))
            except ChangeRefused as error:
                self.add_error(name, "; ".join(problem.what for problem in error.problems))
        return given

    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Fields of each site, in the order of the partitions."""
        rows: dict[str, list[Any]] = {}
        for name, (site, _) in self.places.items():
            rows.setdefault(site, []).append(
                (self[name], self[name.replace("quota", "was")], self[name.replace("quota", "at")])
            )
        return list(rows.items())


@require_http_methods(["GET", "HEAD", "POST"])
def quotas(request: HttpRequest) -> HttpResponse:
    """The table; sent by an operator of the inventory, what was changed in it is set, or compared with what is."""
    snapshot = client.snapshot()
    known, partitions = quota_desk.known(snapshot), quota_desk.partitions(snapshot)
    may_edit = is_operator(request, TARGET) and len(known) <= _MOST
    form = QuotaForm(known, request.POST if request.method == "POST" else None, may_edit=may_edit)
    if request.method == "POST":
        if form.is_valid() and form.changed:
            try:
                return _compared(request, snapshot, form) if "compare" in request.POST else _set(request, form)
            except EXPECTED as error:
                form.add_error(None, text_of(error))
        elif not form.errors:
            form.add_error(None, "nothing was changed: type another number into a field, and press the button again")
    rows = [{"site": site, "partition": partition, "quota": quota} for (site, partition), quota in known.items()]
    totals = (
        OCCUPANCY.get()[1]
        .filter(pl.col("quota") > 0)
        .group_by("partition")
        .agg(pl.col("quota", "present", "projected").sum())
    )
    return page(
        request, "quotas", "quotas", {"quotas": rows}, 400 if form.errors else 200, form=form, partitions=partitions, may_edit=may_edit,
        totals={row["partition"]: row for row in totals.to_dicts()}, too_many=len(known) > _MOST, inventory_version=snapshot.version,
    )  # fmt: skip


def _set(request: HttpRequest, form: QuotaForm) -> HttpResponse:
    number = len(form.changed)
    quota_desk.set_quotas(caller_of(request), form.changed, service="web")
    messages.success(request, f"{number} quota{'s' if number != 1 else ''} set.")
    return redirect("quotas")


def _compared(request: HttpRequest, snapshot: Snapshot, form: QuotaForm) -> HttpResponse:
    """A comparison for each policy in force whose partition has a quota that is changed."""
    names = definitions(snapshot)
    texts = {
        policy.partition: wanted_of(simple_parts(names, policy.partition), form.quotas, form.changed)
        for policy in readable().values()
    }
    questions = [Question(partition, quotas=found) for partition, found in texts.items() if found]
    if not questions:
        messages.error(request, "no policy is for a partition whose quotas you changed: Detox would do nothing else")
        return redirect("quotas")
    first, *others = comparing.start_all(questions, caller_of(request))
    try:
        queue(tasks.compare, first.pk)
    except NoBroker as error:
        comparing.fail(first, str(error))
    if others:
        numbers = ", ".join(str(one.pk) for one in (first, *others))
        messages.success(request, f"Comparisons {numbers} are made one after the other, one for each partition.")
    return redirect("detox-comparison", number=first.pk)


def wanted_of(
    parts: tuple[str, ...], quotas: dict[tuple[str, str], int], changed: list[Wish]
) -> tuple[str, ...]:  # fmt: skip
    """``SITE=TB`` of a partition that consists of ``parts``, for the sites where one of them is changed: the sum of all. Pure."""
    after = quotas | {(one.site, one.partition): one.quota for one in changed}
    sites = dict.fromkeys(one.site for one in changed if one.partition in parts)
    sums = {site: [after.get((site, part), 0) for part in parts] for site in sites}
    return tuple(f"{site}={written(-1 if min(sizes) < 0 else sum(sizes))}" for site, sizes in sums.items())
