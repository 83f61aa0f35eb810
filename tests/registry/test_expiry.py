"""Owners of locks are told before these expire, once for each end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from registry import expiry
from registry.locks import Wish, set_locks
from registry.models import DetoxLock, Notice
from scheduler import applock

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _ann(db: None) -> None:
    User.objects.create_user("ann", "ann@example.org")


def lock(item: str, days: float, user: str = "ann") -> DetoxLock:
    return set_locks([Wish(item, timezone.now() + days * DAY, comment="needed")], user)[0]


def test_an_owner_is_told_once_of_all_locks_that_end_soon() -> None:
    lock("/A", 20), lock("/B", 21), lock("/C", 60)
    now = timezone.now()
    assert expiry.warn(now + 10 * DAY) == 0
    assert expiry.warn(now + 15 * DAY) == 2
    assert expiry.warn(now + 16 * DAY) == 0
    [notice] = Notice.objects.all()
    assert notice.address == "ann@example.org"
    assert "2 of your locks" in notice.subject
    assert "/A" in notice.text
    assert "/C" not in notice.text


def test_a_lock_with_a_new_end_is_told_of_again() -> None:
    lock("/A", 20)
    now = timezone.now()
    expiry.warn(now + 15 * DAY)
    lock("/A", 40)
    assert expiry.warn(now + 16 * DAY) == 0
    assert expiry.warn(now + 35 * DAY) == 1


def test_a_short_lock_is_told_of_in_the_second_half_of_its_life() -> None:
    lock("/A", 2)
    now = timezone.now()
    assert expiry.warn(now + 0.9 * DAY) == 0
    assert expiry.warn(now + 1.1 * DAY) == 1


def test_released_and_expired_locks_and_owners_without_address_are_left_out() -> None:
    lock("/A", 20, "bob")
    assert expiry.warn(timezone.now() + 15 * DAY) == 0
    User.objects.create_user("bob", "bob@example.org")
    assert expiry.warn(timezone.now() + 15 * DAY) == 1
    gone = lock("/B", 20)
    DetoxLock.objects.filter(pk=gone.pk).update(unlocked=timezone.now())
    lock("/C", 10)
    assert expiry.warn(timezone.now() + 15 * DAY) == 0


def test_who_stopped_an_application_is_told_too() -> None:
    applock.lock("detox", "ann", note="tape", expires=timezone.now() + 10 * DAY)
    applock.lock("dealer", "ann")
    assert expiry.warn(timezone.now() + 6 * DAY) == 1
    assert "application detox" in Notice.objects.get().text


def test_the_queue_of_an_application() -> None:
    now = timezone.now()
    assert applock.lock("detox", "ann", note="first", expires=now + DAY).user == "ann"
    assert applock.lock("detox", "bob", "shift").user == "ann"
    applock.lock("detox", "ann", expires=now + 2 * DAY)
    holder, waiting = applock.queue("detox")
    assert (holder.user, holder.depth, holder.note, holder.expires) == ("ann", 2, "first", now + 2 * DAY)
    assert (waiting.user, waiting.service, waiting.depth, waiting.expires) == ("bob", "shift", 1, None)
    assert list(applock.queues()) == ["detox"]
    with pytest.raises(ValueError, match="in the past"):
        applock.lock("detox", "carl", expires=now - DAY)


def test_an_expired_lock_holds_nothing() -> None:
    from scheduler.models import ApplicationLock

    applock.lock("detox", "ann", expires=timezone.now() + DAY)
    applock.lock("detox", "bob")
    ApplicationLock.objects.filter(user="ann").update(expires=timezone.now() - DAY)
    holder = applock.held("detox")
    assert holder is not None
    assert holder.user == "bob"
    applock.forget_expired()
    assert ApplicationLock.objects.count() == 1
