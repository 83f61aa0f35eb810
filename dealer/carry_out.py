"""Carries out the recorded decisions of a cycle, site by site; every step can be repeated."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from django.db import transaction
from django.utils import timezone

from dealer import history
from dealer.effects import by_cause, change, still_possible, wanted_files
from dealer.models import Cycle, CycleAnswer, CycleSite, CycleState, SiteState
from dealer.plugins.protocol import Answer, Plugin, plugins
from fileops.subscriptions import open_operations, subscribe_copies
from inventory.errors import ChangeRefused, InventoryError
from inventory.parquet import FrameDamaged
from scheduler.runs import WriterRun

_LEFT = (SiteState.PLANNED, SiteState.SUBSCRIBED)


def carry_out(cycle: Cycle, run: WriterRun) -> None:
    """Do what is left of ``cycle`` and end it; a site whose change set is refused is told and does not stop the others.

    When what was decided cannot be read any more, no cycle would ever come past it: its sites are told as refused, too.
    """
    left = CycleSite.objects.filter(cycle=cycle, state__in=_LEFT).order_by("site")
    try:
        proposals, copies = history.kept(cycle.pk, "proposals"), history.kept(cycle.pk, "copies")
    except (history.NotKept, FrameDamaged) as error:
        for site in left:
            _refused(cycle, site, error)
        cycle.error = f"{cycle.error}\n{error}".strip()
    else:
        for site in left:
            run.check()
            _carry_out_site(cycle, site, copies.filter(pl.col("site") == site.site), proposals, run)
    refused = CycleSite.objects.filter(cycle=cycle, state=SiteState.REFUSED).count()
    if refused:
        cycle.error = f"{cycle.error}\nthe changes of {refused} sites were not made".strip()
    cycle.state = CycleState.FAILED if refused else CycleState.DONE
    cycle.ended = timezone.now()
    cycle.save(update_fields=["state", "error", "ended"])


def _carry_out_site(
    cycle: Cycle, site: CycleSite, copies: pl.DataFrame, proposals: pl.DataFrame, run: WriterRun
) -> None:
    snapshot = run.snapshot()
    copies = still_possible(snapshot, copies)
    if copies.height:
        changes = change(snapshot, copies, run.changes(f"dealer-{cycle.pk}-{site.site}"))
        files = wanted_files(snapshot, copies, open_operations(site.site))
        _subscribe(cycle, site, files, copies, proposals)
        try:
            run.commit(changes)
        except ChangeRefused as error:
            _refused(cycle, site, error)
            run.log(f"{site}: {error}")
            return
    site.state = SiteState.COMMITTED
    site.save(update_fields=["state"])
    run.log(f"{site.site}: {copies.height} blocks committed")


@transaction.atomic
def _subscribe(
    cycle: Cycle, site: CycleSite, files: pl.DataFrame, copies: pl.DataFrame, proposals: pl.DataFrame
) -> None:
    """Hand the files to file operations, and note with those who asked that this is done."""
    for cause, rows in by_cause(files, copies, proposals):
        subscribe_copies(rows, cycle.author, cause)
    for plugin, answer in _answers_at(cycle, site):
        plugin.queued(answer, site.site)
    site.state = SiteState.SUBSCRIBED
    site.save(update_fields=["state"])


@transaction.atomic
def _refused(cycle: Cycle, site: CycleSite, error: InventoryError) -> None:
    """Nothing is changed at the site: file operations drop what has no replica, those who asked are told."""
    for plugin, answer in _answers_at(cycle, site):
        plugin.failed(answer, site.site, str(error))
    site.state, site.verdict = SiteState.REFUSED, f"{site.verdict}; {error}"
    site.save(update_fields=["state", "verdict"])


def _answers_at(cycle: Cycle, site: CycleSite) -> Iterator[tuple[Plugin, Answer]]:
    """Activated answers with actions at the site, and the plugin that deals with each."""
    found = plugins()
    for row in CycleAnswer.objects.filter(cycle=cycle, verdict="activate", moot=""):
        answer = Answer(row.cause, row.number, row.verdict, row.reason, tuple((item, s) for item, s in row.actions))
        if any(place == site.site for _, place in answer.actions):
            yield found[row.plugin], answer
