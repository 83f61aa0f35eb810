"""Puts right what died without saying so: runs and jobs whose process is gone, and what is too old to keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.db.models import Q
from django.utils import timezone

from scheduler import jobs, life
from scheduler.models import OPEN_STATES, Job, Run, State
from scheduler.settings import SchedulerSettings

_LOST = "its process is gone"
_LOG = structlog.get_logger(__name__)
Send = Callable[[str, dict[str, Any], int], None]
"""Sends a task: name, keyword arguments, number of the attempt."""


def reconcile(settings: SchedulerSettings, send: Send) -> dict[str, int]:
    """Mark what died and send again the jobs whose worker went away; returns counts. Raises redis errors."""
    return {"runs": lost_runs(settings), "jobs": lost_jobs(settings), "sent": send_again(settings, send)}


def lost_runs(settings: SchedulerSettings) -> int:
    """Mark runs that give no sign of life as killed; how many."""
    if not life.remembers(settings.lease):
        # Redis has just started: signs of life have to come in first.
        return 0
    now = timezone.now()
    silent_since = now - timedelta(seconds=settings.lease)
    open_runs = Run.objects.filter(state__in=OPEN_STATES, queued_at__lt=silent_since)
    dead = [run.pk for run in open_runs if not life.is_alive("run", run.pk)]
    marked = Run.objects.filter(pk__in=dead, state__in=OPEN_STATES)
    return int(marked.update(state=State.KILLED, ended_at=now, error=_LOST))


def lost_jobs(settings: SchedulerSettings) -> int:
    """Mark jobs whose worker gives no sign of life as to be done again; how many."""
    if not life.remembers(settings.job_lease):
        return 0
    now = timezone.now()
    silent_since = now - timedelta(seconds=settings.job_lease)
    open_jobs = Job.objects.filter(state__in=OPEN_STATES, queued_at__lt=silent_since)
    dead = [job.pk for job in open_jobs if not jobs.is_held(job.key, job.message)]
    marked = Job.objects.filter(pk__in=dead, state__in=OPEN_STATES)
    return int(marked.update(state=State.KILLED, ended_at=now, error="its worker is gone", again=True))


def send_again(settings: SchedulerSettings, send: Send) -> int:
    """Send the jobs that are to be done again, unless they were tried too often; how many were sent."""
    sent = 0
    for job in Job.objects.filter(again=True):
        if job.attempt < settings.attempts:
            send(job.task, job.arguments, job.attempt + 1)
            sent += 1
        else:
            _LOG.error("job given up", job=job.pk, task=job.task, attempts=job.attempt)
        # After sending: dying in between sends twice, and the second finds the first going on or done.
        Job.objects.filter(pk=job.pk).update(again=False)
    return sent


def forget(settings: SchedulerSettings) -> int:
    """Delete runs and jobs that ended long ago; how many."""
    now = timezone.now()
    before, done_before = (now - timedelta(days=days) for days in (settings.keep_days, settings.keep_done_days))
    runs = Run.objects.filter(ended_at__lt=before).delete()[1].get("scheduler.Run", 0)
    ended_jobs = Job.objects.filter(Q(ended_at__lt=before) | Q(ended_at__lt=done_before, state=State.DONE))
    return runs + ended_jobs.delete()[1].get("scheduler.Job", 0)
