"""What the load test does with the database and the inventory by itself: ``python -m tests.load.ground database|fill|found``."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any
from urllib.parse import urlsplit

USERS = ("ann", "bob", "carl", "dora", "production")
SITES = ("T2_A", "T2_B", "T2_C", "T2_D")
DATASETS = 200
OFTEN = {"registry.inject": 2, "registry.track": 2}
_PATIENCE = 120.0


def dataset(number: int) -> str:
    """Name of one of the datasets that are there from the beginning."""
    return f"/Load{number:04d}/Run-v1/AOD"


def database() -> None:
    """An empty database with its tables."""
    import MySQLdb

    parts = urlsplit(os.environ["DATABASE_URL"])
    connection = MySQLdb.connect(host=parts.hostname, port=parts.port, user=parts.username)
    connection.cursor().execute(f"CREATE DATABASE {parts.path.strip('/')} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    connection.close()
    _django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def fill() -> dict[str, str]:
    """Users with tokens (by name), an inventory, and schedules that come often; no other cycles."""
    _django()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    from inventory.models import TunedSetting
    from registry import rights, tokens

    made = {name: User.objects.create_user(name) for name in USERS}
    rights.grant(made["production"], "admin", "inventory")
    for name, value in (("default_group", "AnalysisOps"), ("calls_per_minute", 0), ("anonymous_calls_per_minute", 0)):
        TunedSetting.objects.create(component="registry", name=name, value=value)
    _inventory()
    call_command("setup_schedules", verbosity=0, stdout=sys.stderr)
    PeriodicTask.objects.exclude(task__startswith="registry.").exclude(task="scheduler.reconcile").update(enabled=False)
    for task, seconds in OFTEN.items():
        every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
        for row in PeriodicTask.objects.filter(task=task):
            row.interval = every
            row.save()
    return {name: tokens.create(user)[1] for name, user in made.items()}


def _inventory() -> None:
    from scheduler.runs import writer

    names = [dataset(number) for number in range(DATASETS)]
    with writer("load", {}, "load") as run:
        changes = run.changes()
        changes.put("groups", [{"name": "AnalysisOps", "level": "Dataset"}])
        changes.put("sites", [
            {"name": name, "host": name, "storage_type": "DISK", "backend": f"file:///tmp/{name}", "status": "READY"}
            for name in SITES
        ])  # fmt: skip
        changes.put("datasets", [{"name": name, "status": "VALID"} for name in names])
        changes.put("blocks", [{"dataset": name, "name": "b"} for name in names])
        changes.put("files", [{"dataset": name, "block": "b", "lfn": f"/store{name}/f", "size": 10} for name in names])
        changes.put("dataset_replicas", [{"dataset": name, "site": "T2_A", "group": "AnalysisOps"} for name in names])
        changes.put(
            "block_replicas", [{"dataset": name, "block": "b", "site": "T2_A", "complete": True} for name in names]
        )
        run.commit(changes)


def found() -> dict[str, Any]:
    """Everything that clients may have asked for, once nothing waits any more."""
    _django()
    from inventory import client
    from registry.models import DetoxLock, Injection, Request

    _wait()
    snapshot = client.snapshot()
    requests = Request.objects.prefetch_related("items", "sites")
    return {
        "requests": [
            [row.pk, row.kind, row.status, sorted(item.item for item in row.items.all()),
             sorted(site.site for site in row.sites.all()), row.user, row.count]
            for row in requests
        ],
        "injections": [
            [row.pk, row.state, [each["name"] for each in row.document.get("dataset", [])], row.reason]
            for row in Injection.objects.all()
        ],
        "locks": [[row.pk, row.item, row.user, row.unlocked is None] for row in DetoxLock.objects.all()],
        "datasets": snapshot.frame("datasets")["name"].to_list(),
        "files": snapshot.frame("files").height,
    }  # fmt: skip


def _wait() -> None:
    """Until the queues are empty: workers and beat go on."""
    from registry.models import CachedCopyRequest, Injection

    deadline = time.monotonic() + _PATIENCE
    while CachedCopyRequest.objects.exists() or Injection.objects.filter(state__in=["queued", "recorded"]).exists():
        if time.monotonic() > deadline:
            sys.exit(f"the queues are not empty after {_PATIENCE} s")
        time.sleep(0.2)


def _django() -> None:
    import django

    django.setup()


if __name__ == "__main__":
    print(json.dumps({"database": database, "fill": fill, "found": found}[sys.argv[1]]()))
