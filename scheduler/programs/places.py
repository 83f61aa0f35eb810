"""Places for users' programs: so many go on at a time, the others wait in order."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from scheduler import applock
from scheduler.models import Application, State
from scheduler.settings import scheduler_settings

TASK = "scheduler.application"
LOCK = "application"
"""The application by whose lock operators stop all users' programs."""
_LOST_AFTER = timedelta(minutes=15)
_LOG = structlog.get_logger(__name__)


def dispatch() -> int:
    """Give waiting programs to workers as long as there are places; how many. After each submission, and by beat."""
    if applock.held(LOCK) is not None:
        return 0
    settings, now = scheduler_settings(), timezone.now()
    # Given to a worker, and nobody took it: its message was lost.
    lost = Application.objects.filter(state=State.ASSIGNED, job=None, assigned_at__lt=now - _LOST_AFTER)
    lost.update(state=State.NEW)
    busy = Application.objects.filter(state__in=(State.ASSIGNED, State.RUN)).count()
    waiting = Application.objects.filter(state=State.NEW).order_by("id").values_list("pk", flat=True)
    return sum(_given(number) for number in waiting[: max(0, settings.programs - busy)])


def _given(number: int) -> bool:
    row = Application.objects.filter(pk=number)
    if not row.filter(state=State.NEW).update(state=State.ASSIGNED, assigned_at=timezone.now()):
        return False
    try:
        current_app.send_task(TASK, kwargs={"application": number})
    except OperationalError as error:
        row.filter(state=State.ASSIGNED, job=None).update(state=State.NEW)
        _LOG.warning("Redis does not answer; the program waits", application=number, reason=str(error))
        return False
    return True
