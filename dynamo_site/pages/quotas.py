"""Quotas of all sites and partitions: edited many at once, and what Detox would do if they were so."""

from __future__ import annotations

from dataclasses import dataclass
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
from dynamo_site.pages.queueing import NoBroker, is_operator, queue, require_operator
from dynamo_site.pages.shell import page
from inventory import client
from inventory.entering import TB, quota_bytes
from inventory.errors import ChangeRefused
from inventory.partitions import definitions, simple_parts
from inventory.policy.model import Condition
from inventory.snapshot import Snapshot
from registry import audit
from registry.callers import caller_of
from registry.settings import registry_settings
from scheduler import runs

_TARGET = "inventory"
_MOST = 5000
"""Cells of the table; an installation with more sets them with the command."""


@dataclass(frozen=True)
class Changed:
    """A quota as somebody wants it: bytes, negative for no limit; ``text`` as it was written."""

    site: str
    partition: str
    quota: int
    text: str


def written(quota: int) -> str:
    """Bytes as TB, as people write quotas; "none" for no limit."""
    return "none" if quota < 0 else f"{quota / TB:.12f}".rstrip("0").rstrip(".")


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
        self.changed: list[Changed] = []
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
                self.changed.append(Changed(site, partition, quota_bytes(text), text))
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
    known, partitions = _quotas(snapshot)
    may_edit = is_operator(request, _TARGET) and len(known) <= _MOST
    form = QuotaForm(known, request.POST if request.method == "POST" else None, may_edit=may_edit)
    if request.method == "POST":
        author = require_operator(request, _TARGET)
        if form.is_valid() and form.changed:
            try:
                return (
                    _compared(request, snapshot, form)
                    if "compare" in request.POST
                    else _set(request, form, author)
                )
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


def _quotas(snapshot: Snapshot) -> tuple[dict[tuple[str, str], int], list[str]]:
    """Bytes by site and simple partition, and the partitions."""
    names = sorted(name for name, meaning in definitions(snapshot).items() if isinstance(meaning, Condition))
    set_ones = snapshot.named("quotas").join(
        snapshot.table("partitions").select("partition_id", partition="name"), on="partition_id"
    )
    known = {
        (site, partition): quota
        for site, partition, quota in set_ones.select("site", "partition", "quota").collect().iter_rows()
    }
    sites = snapshot.frame("sites")["name"].sort()
    return {(site, name): known.get((site, name), 0) for site in sites for name in names}, names


def _set(request: HttpRequest, form: QuotaForm, author: str) -> HttpResponse:
    """One change set, in a turn that is waited for no longer than a person does."""
    rows = [{"site": one.site, "partition": one.partition, "quota": one.quota} for one in form.changed]
    with runs.writer(
        "quotas", {"changed": len(rows)}, author, wait=registry_settings().sync_wait, service="web"
    ) as run:
        run.commit(run.changes().put("quotas", rows))
    # Not in one transaction: the inventory's server writes to the same database meanwhile.
    changes = [
        (
            f"quota of {one.partition} at {one.site}",
            {"TB": written(form.quotas[one.site, one.partition])},
            {"TB": one.text},
        )
        for one in form.changed
    ]
    audit.record_many(caller_of(request), "quota.set", changes)
    messages.success(request, f"{len(rows)} quota{'s' if len(rows) != 1 else ''} set.")
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
    parts: tuple[str, ...], quotas: dict[tuple[str, str], int], changed: list[Changed]
) -> tuple[str, ...]:  # fmt: skip
    """``SITE=TB`` of a partition that consists of ``parts``, for the sites where one of them is changed: the sum of all. Pure."""
    after = quotas | {(one.site, one.partition): one.quota for one in changed}
    sites = dict.fromkeys(one.site for one in changed if one.partition in parts)
    sums = {site: [after.get((site, part), 0) for part in parts] for site in sites}
    return tuple(f"{site}={written(-1 if min(sizes) < 0 else sum(sizes))}" for site, sizes in sums.items())
