"""What the worker does for Detox: one cycle per policy file, in turn."""

from __future__ import annotations

from celery import shared_task

from detox.cycle import run_cycle
from detox.monitor import detox_settings
from detox.policies import load_policy
from scheduler.schedules import Schedule

AUTHOR = "dynamo"
SCHEDULES = [Schedule(task="detox.start_cycles", every=4 * 3600)]


@shared_task(name="detox.cycle")
def cycle(policy: str) -> None:
    """A cycle that follows one file of the policy directory."""
    run_cycle(load_policy(policy), AUTHOR, wait=detox_settings().wait)


@shared_task(name="detox.start_cycles", isolated=False)
def start_cycles() -> None:
    """Queue a cycle for every policy file of the settings."""
    for policy in detox_settings().policies:
        cycle.delay(policy)
