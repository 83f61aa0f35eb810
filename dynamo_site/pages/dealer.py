"""The Dealer monitor: cycles, what each plugin had copied where, what was refused, and what requests were told."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from dealer import history, report
from dealer.models import Cycle, CycleSite
from dynamo_site.pages.bars import Bar, marks_at, stacked
from dynamo_site.pages.shell import page, shown
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
    copies = history.read(row.pk, "copies")
    return page(
        request, "dealer", "dealer_cycle", {"cycle": report.as_dict(row), "volumes": volumes(copies)}, row=row,
        plugins=plugins(copies), bars=[(site, _bar(site)) for site in row.sites.all()], answers=row.answers.all(),
        refusals=[(plugin, reason, count) for plugin, reasons in sorted(row.refusals.items()) for reason, count in sorted(reasons.items())],
        previous=same.filter(pk__lt=row.pk).first(), following=same.filter(pk__gt=row.pk).order_by("pk").first(),
        partitions=Cycle.objects.order_by("partition").values("partition").annotate(newest=Max("id")),
        rows=shown(request, same, 20), placed=_placed(copies), num_shown=_SHOWN_PLACED,
    )  # fmt: skip


def volumes(copies: pl.DataFrame) -> list[dict[str, Any]]:
    """Blocks and bytes to copy by plugin and site, the largest first."""
    grouped = copies.filter(pl.col("kind") == "copy").group_by("plugin", "site")
    sums = grouped.agg(blocks=pl.len(), size=pl.col("size").sum())
    return sums.sort("size", "plugin", "site", descending=[True, False, False]).to_dicts()


def plugins(copies: pl.DataFrame) -> list[dict[str, Any]]:
    """For each plugin its volumes, their sum, and a bar for each site relative to the largest of all."""
    rows = volumes(copies)
    largest = max((row["size"] for row in rows), default=0)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault(row["plugin"], {"plugin": row["plugin"], "size": 0, "sites": []})
        entry["size"] += row["size"]
        entry["sites"].append((row, Bar(f"{volume(row['size'])}", stacked([("present", row["size"])], largest))))
    return list(found.values())


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
