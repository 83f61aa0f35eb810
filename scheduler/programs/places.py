"""Places for users' programs: so many go on at a time, and fewer of one user; the others wait in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import structlog
from celery import current_app
from django.utils import timezone
from kombu.exceptions import OperationalError

from scheduler import applock
from scheduler.errors import TooManyPrograms
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
    going = Counter(
        Application.objects.filter(state__in=(State.ASSIGNED, State.RUN)).order_by().values_list("author", flat=True)
    )
    free, given = settings.programs - going.total(), 0
    for number, author in _waiting([name for name, count in going.items() if count >= settings.user_programs]):
        if given >= free:
            break
        if going[author] < settings.user_programs and _given(number):
            given += 1
            going[author] += 1
    return given


def _waiting(without: list[str]) -> Iterator[tuple[int, str]]:
    """Number and author of those that wait, in order; not of these authors."""
    rows = Application.objects.filter(state=State.NEW).exclude(author__in=without).order_by("id")
    return iter(rows.values_list("pk", "author"))


def require_room(author: str) -> None:
    """Raise TooManyPrograms when as many of ``author``'s programs, or of all users', wait as may."""
    settings, waiting = scheduler_settings(), Application.objects.filter(state=State.NEW)
    if waiting.filter(author=author).count() >= settings.user_queue:
        raise TooManyPrograms(
            f"{settings.user_queue} programs of {author} wait already (scheduler.user_queue); try again when some have begun, "
            "or end some"
        )
    if waiting.count() >= settings.program_queue:
        raise TooManyPrograms(
            f"{settings.program_queue} programs wait already (scheduler.program_queue); try again when some have begun"
        )


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
