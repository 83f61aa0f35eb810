"""The Dealer monitor: cycles, what each plugin had copied where, what was refused, and what requests were told."""

from __future__ import annotations

import time
from typing import Any

import polars as pl
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from dealer import history, monitor, report
from dealer.cycle import dealer_settings
from dealer.models import Cycle, CycleSite
from dealer.plugins.rulebook import RulesError, rules_in_force
from dynamo_site.pages.bars import Bar, marks_at, stacked
from dynamo_site.pages.shell import page, shown
from inventory import client
from inventory.errors import InventoryUnavailable
from inventory.units import volume

_FULL_SCALE = 1.1
_SHOWN_PLACED = 200


@require_safe
def newest(request: HttpRequest) -> HttpResponse:
    """The newest cycle, of the wanted partition if one is given."""
    cycles = Cycle.objects.all()
    if partition := request.GET.get("partition"):
        cycles = cycles.filter(partition=partition)
    row = cycles.first()
    if row is None:
        return page(request, "dealer", "dealer_none", {"partition": partition})
    return redirect("dealer-cycle", number=row.pk)


@require_safe
def cycle(request: HttpRequest, number: int) -> HttpResponse:
    """One cycle: volume by plugin and site, refusals by reason, answers to requests, a verdict for every site."""
    try:
        row = report.cycle_called(str(number))
    except report.NoSuchCycle as error:
        raise Http404(str(error)) from error
    same = Cycle.objects.filter(partition=row.partition)
    copies, by_site = history.read(row.pk, "copies"), monitor.volumes([row.pk])
    return page(
        request, "dealer", "dealer_cycle", {"cycle": report.as_dict(row), "volumes": by_site}, row=row,
        plugins=_plugins(by_site), progress=_progress(row.pk), bars=[(site, _bar(site)) for site in row.sites.all()], answers=row.answers.all(),
        refusals=[(plugin, reason, count) for plugin, reasons in sorted(row.refusals.items()) for reason, count in sorted(reasons.items())],
        previous=same.filter(pk__lt=row.pk).first(), following=same.filter(pk__gt=row.pk).order_by("pk").first(),
        partitions=Cycle.objects.order_by("partition").values("partition").annotate(newest=Max("id")),
        rows=shown(request, same, 20), placed=_placed(copies), num_shown=_SHOWN_PLACED,
    )  # fmt: skip


def _plugins(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each plugin its volumes, their sum, and a bar for each site relative to the largest of all."""
    largest = max((row["volume"] for row in rows), default=0)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault(row["plugin"], {"plugin": row["plugin"], "size": 0, "sites": []})
        entry["size"] += row["volume"]
        entry["sites"].append((row, Bar(volume(row["volume"]), stacked([("present", row["volume"])], largest))))
    return list(found.values())


def _progress(number: int) -> list[tuple[dict[str, Any], Bar]] | None:
    """How far the copies are, site by site; None while the inventory is away."""
    try:
        rows = monitor.progress(number, client.snapshot())
    except InventoryUnavailable:
        return None
    return [(row, _done(row)) for row in rows]


def _done(row: dict[str, Any]) -> Bar:
    words = f"{volume(row['present'])} of {volume(row['wanted'])}"
    return Bar(words, stacked([("added", row["present"])], max(row["wanted"], row["present"])))


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """Enforcer rules with how many datasets have their copies, will have them, or lack some."""
    tuned_settings = dealer_settings()
    snapshot = client.snapshot()
    try:
        standing = monitor.rule_standing(
            snapshot,
            rules_in_force(tuned_settings.enforcer_rules),
            tuned_settings,
            int(time.time()),
        )
    except RulesError as error:
        return page(request, "dealer", "dealer_rules", {"rules": [], "error": str(error)})
    return page(
        request, "dealer", "dealer_rules", {"rules": standing}, bars=[(row, _standing(row)) for row in standing]
    )


def _standing(row: dict[str, Any]) -> Bar:
    numbers = [("added", row["fulfilled"]), ("coming", row["en_route"]), ("over", row["missing"])]
    words = f"{row['fulfilled']} fulfilled, {row['en_route']} en route, {row['missing']} missing"
    return Bar(words, stacked(numbers, sum(number for _, number in numbers)))


def _placed(copies: pl.DataFrame) -> list[dict[str, Any]]:
    """Datasets with what is copied, or changes owner, of each at each site; the largest first."""
    keys = ["dataset", "site", "plugin", "kind", "group"]
    grouped = copies.group_by(keys).agg(blocks=pl.len(), size=pl.col("size").sum())
    ordered = grouped.sort("size", "dataset", "site", descending=[True, False, False]).head(_SHOWN_PLACED)
    return ordered.with_columns(pl.col("kind").cast(pl.String)).to_dicts()


def _bar(site: CycleSite) -> Bar:
    """What is present, what was on its way before, and what the cycle added, against the quota."""
    words = f"{volume(site.present)} present, {volume(site.projected)} projected, {volume(site.after)} after this cycle"
    scale = site.quota * _FULL_SCALE if site.quota > 0 else 0.0
    coming, added = max(site.projected - site.present, 0), max(site.after - max(site.projected, site.present), 0)
    parts = stacked([("present", site.present), ("coming", coming), ("added", added)], scale)
    return Bar(words, parts, marks_at([("quota", site.quota)], scale))
