"""Detox locks: what they cover, who may release them, and that they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client
from django.utils import timezone

from registry import locks, rights
from registry.callers import Caller, of_command
from registry.errors import Denied, NotThere, Refused
from registry.locks import LockFilter, Wish, covered
from registry.models import DetoxLock
from tests.registry.frames import small_snapshot


def rows(item: str, sites: str = "", groups: str = "") -> list[tuple[int, int, int]]:
    return covered(small_snapshot(), [(item, sites, groups)]).rows()


ALL_OF_A = [(1, 11, 2), (1, 11, 3), (1, 12, 2)]


@pytest.mark.parametrize(("lock", "expected"), [
    (("/A",), ALL_OF_A),
    (("/*",), [*ALL_OF_A, (2, 21, 1)]),
    (("/A#x",), [(1, 11, 2), (1, 11, 3)]),
    (("/A", "T2_A"), [(1, 11, 2), (1, 12, 2)]),
    (("/A", "T2_?"), ALL_OF_A),
    (("/A", "T2_[!A]"), [(1, 11, 3)]),
    (("/*", "", "g1"), [(2, 21, 1)]),
    (("/Unknown",), []),
    (("/A#unknown",), []),
])  # fmt: skip
def test_a_lock_covers_its_items_at_its_sites_and_of_its_groups(lock, expected) -> None:
    assert rows(*lock) == expected


def test_a_site_or_group_pattern_that_matches_nothing_stands_for_all() -> None:
    assert rows("/A", "T9_Gone*") == ALL_OF_A
    assert rows("/A", "", "disbanded") == ALL_OF_A


@pytest.mark.parametrize("pattern", ["[z-a]", "[", "[a--b]", "(", "*+", "a\\"])
def test_a_pattern_that_is_no_glob_is_a_name(pattern: str) -> None:
    assert rows(f"/A{pattern}") == []
    assert rows("/A", pattern) == ALL_OF_A


def test_many_locks_are_joined_and_overlaps_counted_once() -> None:
    both = covered(small_snapshot(), [("/A", "T2_A", ""), ("/A#x", "", ""), ("/B", "", "g1")])
    assert both.rows() == [*ALL_OF_A, (2, 21, 1)]
    assert covered(small_snapshot(), []).is_empty()


def wish(item: str = "/A", days: float = 1, **values: str) -> Wish:
    return Wish(item, timezone.now() + timedelta(days=days), **values)


@pytest.mark.django_db
def test_a_lock_protects_until_it_expires() -> None:
    [lock] = locks.set_locks([wish()], "ann")
    expiry = int(lock.expires.timestamp())
    assert locks.locked(small_snapshot(), expiry - 1).height == 3
    assert locks.locked(small_snapshot(), expiry + 1).is_empty()


@pytest.mark.django_db
def test_a_released_lock_protects_no_more_and_is_kept_for_history() -> None:
    [lock] = locks.set_locks([wish()], "ann")
    locks.release(DetoxLock.objects.all(), Caller(AnonymousUser(), label="ann"))
    assert locks.locked(small_snapshot(), int(timezone.now().timestamp())).is_empty()
    assert DetoxLock.objects.get(pk=lock.pk).unlocked is not None


@pytest.mark.django_db
def test_the_same_lock_again_moves_its_expiry() -> None:
    [first] = locks.set_locks([wish(comment="why")], "ann")
    [again] = locks.set_locks([wish(days=9)], "ann")
    assert (again.pk, again.comment) == (first.pk, "why")
    assert again.expires > first.expires
    [other] = locks.set_locks([wish()], "bob")
    assert other.pk != first.pk


@pytest.mark.django_db
def test_many_locks_are_set_and_set_again_with_few_statements(django_assert_max_num_queries) -> None:
    soon, later = timezone.now() + timedelta(days=1), timezone.now() + timedelta(days=2)
    items = [f"/A/{number}/RAW" for number in range(1200)]
    with django_assert_max_num_queries(40):
        first = locks.set_locks([Wish(item, soon, comment="mine") for item in [*items, items[0]]], "ann", "workflow")
    with django_assert_max_num_queries(40):
        again = locks.set_locks([Wish(item, later) for item in items], "ann", "workflow")
    assert [lock.pk for lock in first[:-1]] == [lock.pk for lock in again] and first[-1].pk == first[0].pk
    kept = DetoxLock.objects.values_list("expires", "comment", "user", "service")
    assert kept.count() == 1200 and set(kept) == {(later, "mine", "ann", "workflow")}


@pytest.mark.django_db
def test_others_locks_are_released_by_an_operator_only() -> None:
    locks.set_locks([wish()], "ann")
    with pytest.raises(Denied, match="belongs to ann"):
        locks.release(DetoxLock.objects.all(), Caller(User.objects.create_user("bob")))
    assert [lock.user for lock in locks.release(DetoxLock.objects.all(), of_command("bob"))] == ["ann"]


@pytest.mark.django_db
@pytest.mark.parametrize(("target", "may"), [("detox", True), ("registry", True), ("inventory", False)])
@pytest.mark.parametrize("door", ["classic", "api", "page", "admin"])
def test_others_locks_are_released_by_the_same_operators_by_every_door(door: str, target: str, may: bool) -> None:
    [lock] = locks.set_locks([wish()], "ann")
    olga = User.objects.create_user("olga", is_staff=True)
    rights.grant(olga, "operator", target)
    olga.user_permissions.set(Permission.objects.filter(codename="view_detoxlock"))
    client = Client()
    client.force_login(olga)
    address, values = {
        "classic": ("/data/detox/lock/unlock", {"lockid": lock.pk}),
        "api": (f"/api/v1/locks/{lock.pk}/release", {}),
        "page": ("/locks/release/", {"lock": lock.pk}),
        "admin": ("/admin/registry/detoxlock/", {"action": "release", "_selected_action": lock.pk}),
    }[door]
    client.post(address, values)
    lock.refresh_from_db()
    assert (lock.unlocked is not None) == may


@pytest.mark.django_db
def test_set_replaces_what_the_user_has_under_the_service() -> None:
    locks.set_locks([wish("/A"), wish("/B")], "ann", "prod")
    locks.set_locks([wish("/A")], "ann", "other")
    kept = locks.replace([wish("/B"), wish("/C")], "ann", "prod")
    assert [lock.item for lock in kept] == ["/B", "/C"]
    held = locks.in_force(timezone.now()).values_list("service", "item")
    assert sorted(held) == [("other", "/A"), ("prod", "/B"), ("prod", "/C")]


@pytest.mark.django_db
@pytest.mark.parametrize(("days", "text"), [(-1, "in the past"), (99999, "too far ahead")])
def test_an_expiry_has_to_be_in_the_near_future(days: float, text: str) -> None:
    with pytest.raises(Refused, match=f"expires: .*{text}"):
        locks.set_locks([wish("/B"), wish(days=days)], "ann")
    assert not DetoxLock.objects.exists()


@pytest.mark.django_db
def test_filters_of_the_list() -> None:
    locks.set_locks([wish("/A", sites="T2_*"), wish("/B", days=20)], "ann", "prod")
    locks.set_locks([wish("/C")], "bob")

    def items(**values) -> list[str]:
        return sorted(lock.item for lock in LockFilter(**values).apply(DetoxLock.objects.all()))

    assert items() == ["/A", "/B", "/C"]
    assert items(service="prod") == ["/A", "/B"]
    assert items(service="") == ["/C"]
    assert items(sites=("T2_*",), items=("/A", "/B")) == ["/A"]
    assert items(expires_after=timezone.now() + timedelta(days=9)) == ["/B"]
    assert items(created_before=datetime(2020, 1, 1, tzinfo=UTC)) == []


@pytest.mark.django_db
def test_an_unknown_number_is_named() -> None:
    with pytest.raises(NotThere, match="no lock 77"):
        locks.existing([77])


@pytest.mark.django_db
def test_names_that_are_too_long_are_refused() -> None:
    with pytest.raises(Refused, match=r"item: x+… is longer than 768"):
        locks.set_locks([wish("x" * 769)], "ann")
    with pytest.raises(Refused, match="sites: "):
        locks.set_locks([wish("/A", sites="x" * 256)], "ann")
    assert locks.set_locks([wish("x" * 768)], "ann")[0].pk
