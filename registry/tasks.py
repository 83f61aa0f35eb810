"""What the registry does by itself: apply queued injections, follow requests to their end."""

from __future__ import annotations

from celery import shared_task

from registry import cached, injections, tracker
from registry.settings import registry_settings
from scheduler.runs import reader
from scheduler.schedules import Schedule

SCHEDULES = [Schedule("registry.inject", every=60), Schedule("registry.track", every=120)]


@shared_task(name="registry.inject")
def inject() -> int:
    """Apply the queued injections, in order; how many."""
    return injections.apply_waiting()


@shared_task(name="registry.track")
def track() -> dict[str, int]:
    """Make requests of cached ones, and complete what has come to its end; no run is made for nothing."""
    if not (cached.are_waiting() or tracker.are_open()):
        return {"made": 0, "completed": 0}
    with reader("registry.track", {}, "registry") as run:
        made = cached.make_requests(run.snapshot(), registry_settings())
        # Looked at anew: what came into the inventory while many requests were made is not missing.
        tracked = tracker.track(run.snapshot())
        run.log(
            f"{made} cached requests made, {tracked.completed_actions} actions completed, {tracked.failed_actions} failed, "
            f"{tracked.completed_requests} requests completed"
        )
    return {"made": made, "completed": tracked.completed_requests}
