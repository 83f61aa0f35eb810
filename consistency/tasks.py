"""What the worker does for consistency: start the checks that are due, each a task of its own."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from celery import shared_task

from consistency.check import check_site
from consistency.clean import clean_site
from consistency.models import Check, SiteConsistency
from scheduler.schedules import Schedule

AUTHOR = "dynamo"
SCHEDULES = [Schedule(task="consistency.start_due", every=600)]
_LOG = logging.getLogger(__name__)


@shared_task(name="consistency.check")
def check(site: str, dry_run: bool = False, author: str = AUTHOR) -> None:
    """Check and repair one site, then clean its working areas."""
    check_site(site, author, _LOG.info, dry_run)
    clean_site(site, author, _LOG.info, dry_run)


@shared_task(name="consistency.start_due", isolated=False)
def start_due() -> None:
    """Queue a check of every site whose last one is older than its interval."""
    for site in due(datetime.now(UTC)):
        check.delay(site)


def due(now: datetime) -> list[str]:
    """Enabled sites that were not checked for their number of hours."""
    names = []
    for entry in SiteConsistency.objects.filter(enabled=True).order_by("site"):
        since = now - timedelta(hours=entry.every)
        if not Check.objects.filter(site=entry.site, kind="check", dry_run=False, started__gt=since).exists():
            names.append(entry.site)
    return names
