"""What people and their programs are told: kept with what it is about, sent by a task, tried again until it got through."""

from __future__ import annotations

import smtplib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.utils import timezone

from registry.errors import RegistryError
from registry.models import Notice, NoticeState
from registry.settings import registry_settings
from registry.webhooks import NotDelivered, call

_LOG = structlog.get_logger(__name__)
_CLAIMED = timedelta(minutes=10)
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 6 * 3600.0
_AT_ONCE = 100


def write(
    subject: str, text: str, data: Mapping[str, Any], emails: Iterable[str] = (), webhooks: Iterable[str] = ()
) -> list[Notice]:
    """Keep one notice for each address, in the caller's transaction."""
    now = timezone.now()
    line = " ".join(subject.split())[:255]
    places = [("email", address) for address in emails] + [("webhook", url) for url in webhooks]
    return Notice.objects.bulk_create([
        Notice(channel=channel, address=address, subject=line, text=text, data=dict(data), made=now, due=now)
        for channel, address in places
    ])  # fmt: skip


def write_to_user(name: str, subject: str, text: str, data: Mapping[str, Any]) -> bool:
    """The same for the user of that name; False when no e-mail address is known."""
    address = User.objects.filter(username=name, is_active=True).values_list("email", flat=True).first()
    if not address:
        return False
    write(subject, text, data, [address])
    return True


def send_due() -> int:
    """Send what is due; how many got through. Two processes that do so at the same time send each notice once."""
    due = Notice.objects.filter(state=NoticeState.WAITING, due__lte=timezone.now()).order_by("due")
    return sum(_tried(notice) for notice in due[:_AT_ONCE])


def _tried(notice: Notice) -> bool:
    now = timezone.now()
    mine = Notice.objects.filter(pk=notice.pk, state=NoticeState.WAITING, due=notice.due)
    # Should this process die it is tried again once the claim is over.
    if not mine.update(due=now + _CLAIMED, attempts=notice.attempts + 1):
        return False
    try:
        _send(notice)
    except (RegistryError, OSError, smtplib.SMTPException) as error:
        _failed(notice, str(error) or type(error).__name__, now)
        return False
    Notice.objects.filter(pk=notice.pk).update(state=NoticeState.SENT, ended=timezone.now(), error="")
    return True


def _send(notice: Notice) -> None:
    if notice.channel == "webhook":
        call(notice.address, {"subject": notice.subject, **notice.data})
        return
    if not settings.EMAIL_HOST:
        raise NotDelivered("no mail server is set; DYNAMO_EMAIL_HOST names it")
    send_mail(notice.subject, notice.text, settings.DEFAULT_FROM_EMAIL, [notice.address])


def _failed(notice: Notice, error: str, now: datetime) -> None:
    attempts = notice.attempts + 1
    pause = timedelta(seconds=min(_FIRST_PAUSE * 2**notice.attempts, _LONGEST_PAUSE))
    values: dict[str, Any] = {"error": error, "due": now + pause}
    if attempts >= registry_settings().notice_attempts:
        values |= {"state": NoticeState.GIVEN_UP, "ended": now}
        _LOG.error("a notice is given up", notice=notice.pk, address=notice.address, attempts=attempts, reason=error)
    Notice.objects.filter(pk=notice.pk).update(**values)
