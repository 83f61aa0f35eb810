"""``/data/detox/lock/…`` as its clients use it."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import User
from django.test import Client

from registry import locks, rights, tokens
from registry.models import DetoxLock
from tests.registry.makers import BIG

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _with_data(filled) -> None:
    pass


def covered(filled) -> int:
    return locks.locked(filled.snapshot(), int(time.time())).height


def test_locking_protects_until_unlocked(ann, filled) -> None:
    [lock] = ann.data("detox/lock/lock", item=BIG, expires="tomorrow", sites="T2_A", comment="paper")
    assert lock | {"lockid": 0, "locked": "", "expires": ""} == {
        "lockid": 0, "user": "ann", "dn": "", "item": BIG, "locked": "", "expires": "", "sites": "T2_A", "comment": "paper",
    }  # fmt: skip
    assert lock["expires"].endswith(" UTC") and "T" not in lock["expires"].removesuffix("UTC")
    assert covered(filled) == 2
    [released] = ann.data("detox/lock/unlock", lockid=lock["lockid"])
    assert "unlocked" in released
    assert covered(filled) == 0


def test_one_lock_per_site_and_group_and_the_same_again_is_updated(ann) -> None:
    values = {"item": BIG, "expires": "2 days", "sites": ["T2_A", "T1_*"], "groups": "AnalysisOps,None"}
    assert len(ann.data("detox/lock/lock", **values)) == 4
    status, answer = ann.post("detoxlock/lock", values | {"expires": "3 days"})
    assert (status, answer["message"], len(answer["data"])) == (200, "Lock updated", 4)
    assert DetoxLock.objects.count() == 4


def test_listing_is_of_the_callers_own_unless_others_are_named(ann, bob, anyone) -> None:
    [mine] = ann.data("detox/lock/lock", item="/Big/*", expires="tomorrow", service="prod")
    bob.data("detox/lock/lock", item=BIG, expires="10 days")
    assert [lock["item"] for lock in ann.data("detox/lock/list")] == ["/Big/*"]
    assert [lock["item"] for lock in ann.data("detox/lock/list", user="bob")] == [BIG]
    assert ann.post("detox/lock/list", {})[1]["message"] == "1 locks found; 1 of them end within 7 days"
    assert bob.post("detox/lock/list", {})[1]["message"] == "1 locks found"
    assert len(ann.data("detox/lock/list", user="*")) == len(anyone.data("detox/lock/list")) == 2
    assert len(ann.data("detox/lock/list", user="all")) == 2
    assert [lock["user"] for lock in anyone.data("detoxlock/list", expires_after="5 days")] == ["bob"]
    assert anyone.data("detox/lock/list", service="prod")[0]["lockid"] == mine["lockid"]
    assert anyone.data("detox/lock/list", lockid=[]) == []
    ann.data("detox/lock/unlock", item="/Big/*")
    assert ann.data("detox/lock/list") == []
    assert len(ann.data("detox/lock/list", showall="y")) == 1


def test_set_replaces_the_callers_locks_of_a_service(ann) -> None:
    ann.data("detox/lock/lock", item="/Old/*", expires="tomorrow")
    status, answer = ann.post("detox/lock/set", [
        {"item": BIG, "expires": "2 days", "sites": ["T2_A", "T2_B"]}, {"item": "/New/*", "expires": "2 days"},
    ])  # fmt: skip
    assert (status, answer["message"]) == (200, "3 locks")
    assert sorted({lock["item"] for lock in ann.data("detox/lock/list")}) == [BIG, "/New/*"]


@pytest.mark.parametrize(("document", "text"), [
    ({}, "JSON list of locks"),
    ([1], "body[0]: has to be an object"),
    ([{"item": BIG, "expires": "tomorrow"}, {"item": BIG}], "body[1]: missing parameter expires"),
    ([{"item": BIG, "expires": "tomorrow", "site": "T2_A"}], "body[0]: unknown parameter site"),
    ([{"item": BIG, "expires": "whenever"}], "body[0]: expires: 'whenever' is not a time"),
    ([{"item": BIG, "expires": "tomorrow", "sites": ["T9"]}], "body[0]: sites: unknown: T9"),
])  # fmt: skip
def test_a_wrong_entry_is_named_and_nothing_is_changed(ann, document, text) -> None:
    ann.data("detox/lock/lock", item="/Old/*", expires="tomorrow")
    status, answer = ann.post("detox/lock/set", document)
    assert (status, text in answer["message"]) == (400, True)
    assert [lock["item"] for lock in ann.data("detox/lock/list")] == ["/Old/*"]


@pytest.mark.parametrize(("values", "text"), [
    ({"item": BIG}, "missing parameter expires"), ({"item": BIG, "expires": "yesterday"}, "in the past"),
    ({"item": "", "expires": "tomorrow"}, "item: is empty"), ({"item": BIG, "expires": "tomorrow", "groups": "x"}, "groups: unknown: x"),
    ({"item": "/Big/*#b1", "expires": "tomorrow"}, "item: /Big/*#b1 would lock nothing"),
    ({"item": f"{BIG}#b*", "expires": "tomorrow"}, "would lock nothing"), ({"item": f"{BIG}#", "expires": "tomorrow"}, "would lock nothing"),
])  # fmt: skip
def test_mistakes_in_a_lock_are_told(ann, values, text) -> None:
    status, answer = ann.post("detox/lock/lock", values)
    assert (status, text in answer["message"]) == (400, True)
    assert not DetoxLock.objects.exists()


def test_a_lock_on_what_is_not_there_says_so(ann) -> None:
    for item, text in ((BIG, "Lock created"), (f"{BIG}#no", "Lock created; there is nothing now that it covers")):
        assert ann.post("detox/lock/lock", item=item, expires="tomorrow")[1]["message"] == text


def test_others_locks_stay(ann, bob, anyone, admin) -> None:
    [lock] = ann.data("detox/lock/lock", item=BIG, expires="tomorrow")
    assert bob.post("detox/lock/unlock", lockid=lock["lockid"])[0] == 403
    assert bob.post("detox/lock/unlock", item=BIG)[1]["message"] == "No lock found"
    assert anyone.post("detox/lock/unlock", lockid=lock["lockid"])[0] == 401
    assert bob.post("detox/lock/unlock", {})[0] == 400
    assert ann.post("detox/lock/unlock", lockid=999)[0] == 404
    assert DetoxLock.objects.get().unlocked is None
    assert len(admin.data("detox/lock/unlock", lockid=lock["lockid"])) == 1


def test_an_operators_token_is_good_for_what_it_was_made_for_only(ann, db) -> None:
    [lock] = ann.data("detox/lock/lock", item=BIG, expires="tomorrow")
    olga = User.objects.create_user("olga")
    rights.grant(olga, "operator", "detox")
    for scopes, status in ((["registry"], 403), (["detox"], 403), (["registry", "detox"], 200)):
        headers = {"authorization": f"Bearer {tokens.create(olga, scopes=scopes)[1]}"}
        answer = Client().post("/data/detox/lock/unlock", {"lockid": lock["lockid"]}, headers=headers)
        assert answer.status_code == status, answer.content
