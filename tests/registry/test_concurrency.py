"""Fifty clients at once: the same asked twice is one request, nothing is lost, and no client sees a conflict of the database."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from registry import approval, cached, locks, placing, requests
from registry.asking import Asker, Wanted
from registry.callers import Caller
from registry.errors import Denied, Refused
from registry.lifecycle import OPEN_REQUEST, ImpossibleTransition
from registry.models import ApprovalRule, AuditRecord, CachedCopyRequest, DetoxLock, Request
from registry.settings import RegistrySettings
from tests.registry.frames import small_snapshot

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

CLIENTS = 50
SETTINGS = RegistrySettings(default_group="g1")
SNAPSHOT = small_snapshot()


def at_once(work: Callable[[int], Any], clients: int = CLIENTS) -> list[Any]:
    """What ``work(number)`` gives, or raises, for each client; all begin at the same time."""
    ready = threading.Barrier(clients)

    def client(number: int) -> Any:
        ready.wait()
        try:
            return work(number)
        except (Refused, Denied, ImpossibleTransition) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(client, range(clients)))


def copy(items: list[str], sites: list[str], user: str = "ann") -> Request:
    return placing.ask_copy(SNAPSHOT, Asker(user), Wanted(items, sites), SETTINGS)


def delete(items: list[str], sites: list[str], user: str = "ann") -> Request:
    return placing.ask_deletion(SNAPSHOT, Asker(user), Wanted(items, sites), SETTINGS)


@pytest.mark.parametrize("ask", [copy, delete])
def test_the_same_asked_by_all_at_the_same_instant_is_one_request(ask) -> None:
    found = at_once(lambda number: ask(["/A", "/B"], ["T2_A", "T2_B"], f"user{number}"))
    assert len({request.pk for request in found}) == 1
    assert Request.objects.get().count == CLIENTS
    assert sorted(request.count for request in found) == list(range(1, CLIENTS + 1))


def test_the_database_itself_refuses_a_second_open_request_for_the_same() -> None:
    from django.db import IntegrityError

    first = copy(["/A"], ["T2_A"])
    with pytest.raises(IntegrityError):
        Request.objects.create(
            kind="copy", user="x", first_asked=first.first_asked, last_asked=first.first_asked, open_key=first.open_key
        )


def test_different_ones_are_all_there() -> None:
    wishes = [
        (items, sites)
        for items in (["/A"], ["/B"], ["/A#x"], ["/A#y"], ["/B#z"])
        for sites in (["T1_Tape"], ["T2_A"], ["T2_B"])
    ]
    found = at_once(lambda number: delete(*wishes[number % len(wishes)]))
    assert Request.objects.count() == len(wishes)
    assert Counter(request.pk for request in found).total() == CLIENTS
    assert sum(Request.objects.values_list("count", flat=True)) == CLIENTS
    assert AuditRecord.objects.filter(action="request.ask").count() == len(wishes)


def test_everybody_does_something_to_the_same_requests() -> None:
    """Asking, changing, withdrawing, activating, releasing, deciding: each request has one history, whatever came first."""
    ApprovalRule.objects.create(name="tape", sites="T1_*")
    operator = Asker("olga", operator=True)

    def work(number: int) -> Any:
        request = copy(["/A"], [["T2_A"], ["T1_Tape"]][number % 2])
        match number % 7:
            case 0:
                return placing.cancel("copy", request.pk, operator)
            case 1:
                return placing.change(SNAPSHOT, "copy", request.pk, operator, Wanted(num_copies=number))
            case 2:
                return requests.activate(request, [("/A", "T2_A")])
            case 3:
                return placing.release(request, Asker("olga", operator=True))
            case 4:
                return approval.approve("copy", request.pk, operator)
            case 5:
                return requests.reject(request, "no")
        return None

    at_once(work)
    keys = [key for key in Request.objects.values_list("open_key", flat=True) if key]
    open_ones = Request.objects.filter(status__in=OPEN_REQUEST)
    assert len(keys) == len(set(keys)) == open_ones.count()
    assert sum(Request.objects.values_list("count", flat=True)) >= CLIENTS
    assert not Request.objects.exclude(status__in=OPEN_REQUEST).filter(ended=None).exists()
    assert not open_ones.exclude(ended=None).exists()


def test_cached_requests_are_kept_while_they_are_made_into_requests() -> None:
    def work(number: int) -> int:
        if number % 10 == 0:
            return cached.make_requests(SNAPSHOT, SETTINGS)
        cached.keep(Asker(f"user{number}"), Wanted(["/A"], ["T2_B"]), SETTINGS)
        return 0

    made = sum(at_once(work)) + cached.make_requests(SNAPSHOT, SETTINGS)
    assert (made, CachedCopyRequest.objects.count()) == (45, 0)
    assert Request.objects.get().count == 45


def test_the_same_locks_set_and_released_by_all() -> None:
    from datetime import timedelta

    from django.utils import timezone

    expires = timezone.now() + timedelta(days=1)

    def work(number: int) -> Any:
        made = locks.set_locks([locks.Wish(f"/{letter}", expires) for letter in "ABC"], "ann")
        if number % 5 == 0:
            locks.release(
                DetoxLock.objects.filter(pk__in=[lock.pk for lock in made]), Caller(AnonymousUser(), label="ann")
            )
        return made

    at_once(work)
    in_force = locks.in_force(timezone.now()).values_list("item", flat=True)
    assert len(in_force) == len(set(in_force)) <= 3
