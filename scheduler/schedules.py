"""The schedules that components propose, and their rows in the database, which operators edit."""

from __future__ import annotations

import importlib
import importlib.util
import json
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps

_SHORTEST_LIFE_SECONDS = 60


@dataclass(frozen=True)
class Schedule:
    """``task`` every so many seconds with keyword ``arguments``; ``enabled``: whether it starts without an operator."""

    task: str
    every: int
    arguments: dict[str, Any] = field(default_factory=dict)
    enabled: bool = True

    @property
    def name(self) -> str:
        """Its name on the operators' pages."""
        told = ", ".join(f"{name}={value}" for name, value in sorted(self.arguments.items()))
        return f"{self.task} ({told})" if told else self.task


def declared() -> list[Schedule]:
    """The ``SCHEDULES`` of every installed component's ``tasks`` module."""
    found: list[Schedule] = []
    for application in apps.get_app_configs():
        name = f"{application.name}.tasks"
        if importlib.util.find_spec(name) is not None:
            found += getattr(importlib.import_module(name), "SCHEDULES", [])
    return sorted(found, key=lambda schedule: schedule.name)


def write(schedules: list[Schedule]) -> list[str]:
    """Add the rows that are missing and leave the others as operators made them; returns the names added."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    present = set(PeriodicTask.objects.values_list("name", flat=True))
    missing = [schedule for schedule in schedules if schedule.name not in present]
    for schedule in missing:
        interval, _ = IntervalSchedule.objects.get_or_create(every=schedule.every, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.create(
            name=schedule.name, task=schedule.task, interval=interval, kwargs=json.dumps(schedule.arguments),
            enabled=schedule.enabled,
            # What the worker did not get to in time is dropped: the next one comes anyway.
            expire_seconds=max(schedule.every, _SHORTEST_LIFE_SECONDS),
        )  # fmt: skip
    return [schedule.name for schedule in missing]
