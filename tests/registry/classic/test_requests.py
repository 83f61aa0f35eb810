"""``/data/request/…`` as its clients use it."""

from __future__ import annotations

import pytest

from inventory.models import TunedSetting
from registry import requests
from registry.models import Request, UserDN
from tests.registry.makers import BIG, SMALL

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _with_data(filled) -> None:
    TunedSetting.objects.create(component="registry", name="default_group", value="AnalysisOps")


def test_asking_polling_and_cancelling(ann, anyone) -> None:
    [made] = ann.data("request/copy", item=BIG, site=["T2_B"], n=1)
    assert made["status"] == "new" and made["user"] == "ann" and made["group"] == "AnalysisOps"
    [seen] = anyone.data("request/pollcopy", request_id=made["request_id"])
    assert seen == made
    assert ann.data("request/cancelcopy", request_id=made["request_id"])["status"] == "cancelled"
    assert anyone.get("request/pollcopy", item=BIG, site="T2_*")[1]["data"] == []
    assert anyone.get("request/pollcopy", item=BIG)[1]["data"][0]["status"] == "cancelled"


def test_the_old_name_and_the_form_of_the_old_client(ann) -> None:
    answer = ann.client.post(
        "/registry/request/copy", {"item": [BIG, SMALL], "site": ["T2_A", "T2_B"], "n": 1}, headers=ann.headers
    )
    assert answer.status_code == 200
    assert answer.json()["data"][0]["item"] == [BIG, SMALL]


def test_a_dn_is_shown_with_its_user(ann) -> None:
    from django.contrib.auth.models import User

    UserDN.objects.create(user=User.objects.get(username="ann"), dn="/DC=org/CN=Ann")
    assert ann.data("request/copy", item=BIG, site="T2_B")[0]["dn"] == "/DC=org/CN=Ann"


@pytest.mark.parametrize("path", ["request/copy", "request/delete", "request/cancelcopy", "request/canceldelete"])
def test_who_is_not_known_asks_for_nothing(anyone, path: str) -> None:
    assert anyone.post(path, item=BIG, site="T2_B", request_id=1)[0] == 401
    assert not Request.objects.exists()


def test_only_the_owner_or_an_operator_cancels(ann, bob, admin) -> None:
    number = ann.data("request/delete", item=BIG, site="T2_A")[0]["request_id"]
    status, answer = bob.post("request/canceldelete", request_id=number)
    assert (status, "belongs to ann" in answer["message"]) == (403, True)
    assert admin.data("request/canceldelete", request_id=number)["status"] == "cancelled"


@pytest.mark.parametrize(("path", "values", "text"), [
    ("request/copy", {"item": "/No/Such", "site": "T2_B"}, "item: unknown dataset or block: /No/Such"),
    ("request/copy", {"item": BIG, "site": "T9"}, "site: unknown: T9"),
    ("request/copy", {"item": BIG, "site": "T2_B", "group": "x"}, "group: unknown: x"),
    ("request/copy", {"item": BIG}, "missing parameter site"),
    ("request/copy", {"site": "T2_B"}, "missing parameter item"),
    ("request/copy", {"item": BIG, "site": "T2_B", "n": -1}, "n: -1 is out of range"),
    ("request/copy", {"item": BIG, "site": "T2_B", "m": 1}, "unknown parameter m"),
    ("request/copy", {"item": [["deep"]], "site": "T2_B"}, "item: "),
    ("request/copy", {"item": "x" * 700, "site": "T2_B"}, "longer than 600"),
    ("request/copy", {"request_id": 99}, "there is no copy request 99"),
    ("request/pollcopy", {"status": "open"}, "status: unknown: open"),
    ("request/pollcopy", {"item": "/No/Such"}, "item: unknown"),
    ("request/cancelcopy", {}, "missing parameter request_id"),
    ("request/cancelcopy", {"request_id": "abc"}, "request_id: 'abc'"),
])  # fmt: skip
def test_mistakes_are_told_and_change_nothing(ann, path, values, text) -> None:
    status, answer = ann.post(path, values)
    assert (status, answer["result"]) == (400, "Bad Request")
    assert text in answer["message"]
    assert not Request.objects.exists()


def test_who_finds_anothers_request_is_told_what_it_stays_with(ann, bob) -> None:
    values = {"item": BIG, "site": "T2_B", "group": "AnalysisOps"}
    ann.data("request/copy", values)
    assert bob.post("request/copy", values)[1]["message"].endswith("asked 2 times")
    message = bob.post("request/copy", values | {"n": 3})[1]["message"]
    assert message.endswith("asked 3 times; it stays with n 1, as ann asked")


def test_what_is_activated_can_not_be_cancelled(ann) -> None:
    [made] = ann.data("request/copy", item=BIG, site="T2_B")
    requests.activate(Request.objects.get(), [(BIG, "T2_B")])
    status, answer = ann.post("request/cancelcopy", request_id=made["request_id"])
    assert (status, "is activated" in answer["message"]) == (400, True)
    [row] = ann.data("request/pollcopy", request_id=made["request_id"])
    assert [(action["item"], action["site"], action["status"]) for action in row["active"]] == [(BIG, "T2_B", "new")]


def test_an_empty_filter_is_an_empty_result(ann) -> None:
    ann.data("request/copy", item=BIG, site="T2_B")
    assert ann.data("request/pollcopy", item=[]) == []
    assert ann.data("request/pollcopy", status="") == []
    assert len(ann.data("request/pollcopy")) == 1


def test_old_requests_about_what_is_gone_can_still_be_polled(ann, filled) -> None:
    ann.data("request/copy", item=SMALL, site="T2_B")
    from inventory.changes import ChangeSet

    filled.commit(ChangeSet("test", 2).delete("datasets", [{"name": SMALL}]))
    assert len(ann.data("request/pollcopy", item=SMALL)) == 1


def test_a_cached_request_is_kept_and_made_later(ann) -> None:
    from registry.cached import make_requests
    from registry.settings import RegistrySettings

    [kept] = ann.data("request/copy", item=BIG, site="T2_B", group="AnalysisOps", cache="y")
    assert kept["cached_id"] and not Request.objects.exists()
    from inventory import client

    make_requests(client.snapshot(), RegistrySettings())
    assert Request.objects.get().user == "ann"


def test_a_request_that_is_fulfilled_is_completed_by_the_tracker(ann, filled) -> None:
    from inventory.changes import ChangeSet
    from registry.tracker import track

    ann.data("request/copy", item=f"{BIG}#b2", site="T2_B")
    requests.activate(Request.objects.get(), [(f"{BIG}#b2", "T2_B")])
    assert track(filled.snapshot()).completed_requests == 0
    whole = [{"dataset": BIG, "block": "b2", "site": "T2_B", "complete": True}]
    filled.commit(ChangeSet("test", 2).put("block_replicas", whole))
    assert track(filled.snapshot()).completed_requests == 1
    assert Request.objects.get().status == "completed"


def test_a_request_that_waits_for_approval_is_new_to_classic_clients(ann, anyone) -> None:
    [made] = ann.data("request/copy", item=BIG, site="T2_B")
    Request.objects.update(status="waiting")
    for question in ({}, {"status": "new"}, {"status": ["new", "rejected"]}, {"status": "waiting"}):
        [found] = anyone.data("request/pollcopy", **question)
        assert found == made | {"approval": "waiting"}
    assert anyone.data("request/pollcopy", status="activated") == []
    assert ann.data("request/cancelcopy", request_id=made["request_id"])["status"] == "cancelled"
