"""The metrics themselves, by where they come from. Each function looks its numbers up; errors are the caller's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from detox import monitor
from dynamo_site.pages.overview import OCCUPANCY
from fileops.models import Subscription
from inventory.policy import versions
from registry import attribute_sources as sources
from registry.models import Request
from scheduler import history, life
from scheduler.connection import connect
from scheduler.models import OPEN_STATES, Job, Run
from scheduler.settings import scheduler_settings
from scheduler.turns import Turns

_DAY = timedelta(days=1)


def _family(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"dynamo_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _counted(rows: QuerySet[Any], *by: str) -> dict[tuple[str, ...], float]:
    counts = rows.order_by().values(*by).annotate(count=Count("pk"))
    return {tuple(str(row[name]) for name in by): float(row["count"]) for row in counts}


def runs() -> list[GaugeMetricFamily]:
    """Runs and jobs that are open, and those that ended in the last 24 hours."""
    since = timezone.now() - _DAY
    families = []
    for name, model, by in (("runs", Run, "application"), ("jobs", Job, "task")):
        opened = _counted(model.objects.filter(state__in=OPEN_STATES), by, "state")
        ended = _counted(model.objects.filter(queued_at__gte=since).exclude(state__in=OPEN_STATES), by, "state")
        text = f"{name.capitalize()} by state: open ones, and ended ones of the last 24 hours"
        families.append(_family(name, text, (by, "state"), opened | ended))
    return families


def turn() -> list[GaugeMetricFamily]:
    """The turn to write: who has it for how long, and how many wait."""
    settings = scheduler_settings()
    turns = Turns(connect(), settings.lease, settings.waiter_lease, settings.priority_seconds)
    holder = turns.holder()
    held = {(holder.application,): max(0.0, time.time() - holder.since)} if holder else {}
    return [
        _family("turn_waiting", "Runs that wait for the turn to write", (), {(): len(turns.waiting())}),
        _family("turn_held_seconds", "Since when its holder has asked for the turn to write", ("application",), held),
    ]


def tasks() -> list[GaugeMetricFamily]:
    """When each task last ended well, and how long the last one took; workers that give signs of life."""
    last = history.last_times()
    done = {(time.task,): time.done for time in last if time.done}
    return [
        _family("workers", "Workers that give signs of life", (), {(): len(life.living("worker"))}),
        _family("task_last_done_timestamp_seconds", "When the task last ended well", ("task",), done),
        _family("task_last_seconds", "How long the task last took", ("task",), {(t.task,): t.seconds for t in last}),
        _family(
            "task_last_failed", "Whether the task's last end was a bad one", ("task",),
            {(t.task,): float(t.state != "done") for t in last},
        ),
    ]  # fmt: skip


def file_operations() -> list[GaugeMetricFamily]:
    """Files to be copied or deleted, by state; the bytes of open ones."""
    unfinished = Subscription.objects.filter(open_key__isnull=False)
    sizes = unfinished.order_by().values("operation", "state").annotate(bytes=Sum("size"))
    bytes_open = {(row["operation"], row["state"]): float(row["bytes"] or 0) for row in sizes}
    labels = ("operation", "state")
    return [
        _family("file_operations", "Open file operations (held ones too)", labels, _counted(unfinished, *labels)),
        _family("file_operations_bytes", "Bytes of open file operations", labels, bytes_open),
    ]


def requests() -> list[GaugeMetricFamily]:
    """Requests of people and services by status."""
    return [
        _family("requests", "Requests by status", ("kind", "status"), _counted(Request.objects.all(), "kind", "status"))
    ]


def detox() -> list[GaugeMetricFamily]:
    """Cycles that wait for somebody to confirm them."""
    waiting = {(cycle.partition,): float(cycle.pk) for cycle in monitor.refused()}
    text = "Number of the newest cycle, where the guard refused it and nobody has confirmed it"
    return [_family("detox_refused_cycle", text, ("partition",), waiting)]


def attribute_sources() -> list[GaugeMetricFamily]:
    """Attribute sources: whether they are in trouble, when they were last read well, and the rows they gave then."""
    found = sources.every_source(timezone.now())
    labels = ("source",)
    good = {(row["name"],): float(row["good_at"]) for row in found if row["good_at"]}
    return [
        _family("attribute_source_trouble", "Whether the source fails or is too old", labels, {(row["name"],): float(bool(row["trouble"])) for row in found}),
        _family("attribute_source_good_timestamp_seconds", "When the source was last read well", labels, good),
        _family("attribute_source_rows", "Rows that it gave then", labels, {(row["name"],): float(row["rows"] or 0) for row in found}),
    ]  # fmt: skip


def policies() -> list[GaugeMetricFamily]:
    """Files of the policy directory that are wrong, while an older text stays in force."""
    wrong = len(versions.alarms())
    return [
        _family("policies_not_followed", "Files of the policy directory that are not followed", (), {(): float(wrong)})
    ]


def inventory() -> list[GaugeMetricFamily]:
    """The inventory's newest version, how far behind it its followers are, and its size."""
    from inventory import client

    status = client.status()
    lag, rows = _numbers(status.get("lag", {})), _numbers(status.get("counts", {}))
    since = {(): time.time() - float(status["time"])} if status.get("time") else {}
    trouble = {(part,): max(0.0, time.time() - told["since"]) for part, told in status.get("trouble", {}).items()}
    return [
        _family("inventory_version", "Number of the newest version", (), {(): float(status["version"])}),
        _family("inventory_epoch", "Number of the leadership", (), {(): float(status["epoch"])}),
        _family("inventory_age_seconds", "Time since the last change", (), since),
        _family("inventory_lag", "Versions that a follower is behind", ("follower",), lag),
        _family("inventory_rows", "Rows by table", ("table",), rows),
        _family("inventory_trouble_seconds", "For how long a part of the server does not work", ("part",), trouble),
    ]


def _numbers(facts: dict[str, object]) -> dict[tuple[str, ...], float]:
    return {(name,): float(value) for name, value in facts.items() if isinstance(value, int | float)}


def site_occupancy() -> list[GaugeMetricFamily]:
    """Bytes and quota of each partition at each site, a few seconds old."""
    rows = list(OCCUPANCY.get()[1].iter_rows(named=True))
    labels = ("site", "partition")

    def column(name: str) -> dict[tuple[str, ...], float]:
        return {(row["site"], row["partition"]): float(row[name]) for row in rows}

    return [
        _family("site_present_bytes", "Bytes that are at the site", labels, column("present")),
        _family("site_projected_bytes", "Bytes when all replicas are complete", labels, column("projected")),
        _family("site_quota_bytes", "Quota; -1: no limit", labels, column("quota")),
    ]
