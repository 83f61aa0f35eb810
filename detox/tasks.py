"""What the worker does for Detox: one cycle per policy file, in turn."""

from __future__ import annotations

from celery import shared_task

from detox import comparing
from detox.cycle import run_cycle
from detox.monitor import detox_settings
from detox.policies import load_policy
from scheduler.schedules import Schedule
from scheduler.sending import NoBroker, queue

AUTHOR = "dynamo"
SCHEDULES = [Schedule(task="detox.start_cycles", every=4 * 3600)]


@shared_task(name="detox.cycle")
def cycle(policy: str, confirms: int | None = None, author: str = AUTHOR) -> None:
    """A cycle that follows one file of the policy directory; ``confirms``: the refused cycle whose plan the author confirms."""
    run_cycle(load_policy(policy, record=True), author, wait=detox_settings().wait, confirms=confirms)


@shared_task(name="detox.compare", limit=comparing.LIMIT)
def compare(number: int) -> None:
    """Answer a what-if question of the page, and have the one that was asked with it answered next."""
    comparing.compute(number)
    after = comparing.following()
    if after is None:
        return
    try:
        queue(compare, after.pk)
    except NoBroker as error:
        comparing.fail(after, str(error))


@shared_task(name="detox.start_cycles", isolated=False)
def start_cycles() -> None:
    """Queue a cycle for every policy file of the settings."""
    for policy in detox_settings().policies:
        cycle.delay(policy)
