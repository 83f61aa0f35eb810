"""What needs a person, each with the page to go to. From the database and the signs of life; plain data for the front page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.urls import reverse
from django.utils.http import urlencode

from consistency.models import Check
from detox import monitor
from fileops.lifecycle import State
from fileops.models import Subscription
from inventory.policy import versions
from registry import attribute_sources
from registry.source_models import OnTrouble
from scheduler.models import Run

_OLD = timedelta(days=7)
_FRESH = timedelta(days=1)
_SHOWN_CHECKS = 200
_SHOWN_FINDINGS = 3
_EFFECTS = {
    OnTrouble.STOP: "Detox cycles that need it do not start",
    OnTrouble.LAST_GOOD: "its last good values are used",
}


@dataclass(frozen=True)
class Alarm:
    """What is wrong, in words, and the address of the page that tells more."""

    text: str
    address: str


def alarms(now: datetime) -> list[Alarm]:
    """All of them, the most urgent first."""
    sources = (
        _failed_runs(now),
        _refused_cycles(),
        _late_cycles(),
        _policies(),
        _checks(),
        _sources(now),
        _held(),
        _waiting_long(now),
    )
    return [alarm for source in sources for alarm in source]  # fmt: skip


def _failed_runs(now: datetime) -> Iterator[Alarm]:
    """Applications whose newest run failed within a day."""
    recent = Run.objects.filter(queued_at__gt=now - _FRESH)
    for application in recent.order_by("application").values_list("application", flat=True).distinct():
        newest = Run.objects.filter(application=application, ended_at__isnull=False).first()
        if newest is not None and newest.state == "failed":
            reason = newest.error.splitlines()[0] if newest.error else "no text"
            yield Alarm(f"{application}: run {newest.pk} failed: {reason}", reverse("run", args=[newest.pk]))


def _refused_cycles() -> Iterator[Alarm]:
    """What waits for somebody to confirm it."""
    for cycle in monitor.refused():
        findings = "; ".join(monitor.guard_texts(cycle)[:_SHOWN_FINDINGS])
        text = f"detox: {cycle} is refused by the guard and deleted nothing: {findings}"
        yield Alarm(text, reverse("detox-cycle", args=[cycle.pk]))


def _late_cycles() -> Iterator[Alarm]:
    """Partitions that are watched, and had no cycle for long."""
    for row in monitor.partitions():
        if row["late"] and row["monitored"]:
            text = f"detox: {row['name']} has had no cycle for long; the last one was {row['cycle']}"
            yield Alarm(text, reverse("detox-cycle", args=[row["cycle"]]))


def _policies() -> Iterator[Alarm]:
    for text in versions.alarms():
        yield Alarm(text, reverse("policies"))


def _checks() -> Iterator[Alarm]:
    """Alarms of the newest check of each site and kind."""
    newest: dict[tuple[str, str], Check] = {}
    for check in Check.objects.filter(dry_run=False)[:_SHOWN_CHECKS]:
        newest.setdefault((check.site, check.kind), check)
    for check in newest.values():
        address = reverse("check", args=[check.pk])
        yield from (Alarm(f"{check.site}, {check.kind} {check.pk}: {text}", address) for text in check.alarms)


def _sources(now: datetime) -> Iterator[Alarm]:
    """Attribute sources that fail or are too old, and what that leads to."""
    for source, text in attribute_sources.troubled(now):
        effect = _EFFECTS[OnTrouble(source.on_trouble)]
        yield Alarm(f"attribute source {source} {text}; {effect}", reverse("sources"))


def _held() -> Iterator[Alarm]:
    rows = Subscription.objects.filter(state=State.HELD).values_list("site", "reason").annotate(Count("id"))
    for site, reason, count in rows.order_by("site", "reason"):
        chosen = urlencode({"site": site, "reason": reason})
        yield Alarm(f"{site}: {count} file operations held: {reason}", f"{reverse('files')}?{chosen}#held")


def _waiting_long(now: datetime) -> Iterator[Alarm]:
    old = Subscription.objects.filter(open_key__isnull=False, created__lt=now - _OLD).exclude(state=State.HELD)
    rows = old.values_list("site", "operation").annotate(Count("id")).order_by("site", "operation")
    for site, operation, count in rows:
        text = f"{site}: {count} files wait for {operation} for more than a week"
        yield Alarm(text, f"{reverse('files')}?{urlencode({'site': site})}")
