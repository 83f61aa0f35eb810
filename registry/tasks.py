"""What the registry does by itself: apply queued injections, follow requests to their end."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from registry import archive, attribute_sources, cached, expiry, injections, notices, tracker
from registry.api import idempotency
from registry.settings import registry_settings
from scheduler.runs import reader
from scheduler.schedules import Schedule

AUTHOR = "dynamo"
SCHEDULES = [
    Schedule("registry.inject", every=60), Schedule("registry.track", every=120),
    Schedule("registry.read_sources", every=300), Schedule("registry.notify", every=30),
    Schedule("registry.warn_of_locks", every=3600), Schedule("registry.archive", every=86400),
]  # fmt: skip
_TURN_SECONDS = 3600.0


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


@shared_task(name="registry.read_sources", isolated=False)
def read_sources() -> None:
    """Queue a reading of every attribute source that is due."""
    for source in attribute_sources.due(timezone.now()):
        read_source.delay(source.name)


@shared_task(name="registry.read_source")
def read_source(name: str) -> None:
    """Read one attribute source and write what is new."""
    attribute_sources.fetch(attribute_sources.named(name), AUTHOR, wait=_TURN_SECONDS)


@shared_task(name="registry.notify", isolated=False)
def notify() -> int:
    """Send the e-mails and webhooks that are due; how many got through."""
    return notices.send_due()


@shared_task(name="registry.warn_of_locks", isolated=False)
def warn_of_locks() -> int:
    """Tell owners of locks that expire soon; how many locks."""
    return expiry.warn(timezone.now())


@shared_task(name="registry.archive")
def archive_requests() -> int:
    """Move requests that ended long ago from the database to Parquet files; how many. Answers kept too long are forgotten."""
    while idempotency.forget_expired():
        pass
    return archive.move_old(timezone.now())
