"""Copy and deletion requests through ``/api/v1/``."""

from __future__ import annotations

import pytest

from registry import requests as engine
from registry.models import Request
from tests.registry.api.writing.conftest import fields_of, problem
from tests.registry.makers import BIG, SMALL

pytestmark = pytest.mark.usefixtures("filled")
ASKED = {"items": [BIG], "sites": ["T2_B"], "group": "AnalysisOps"}


def test_a_request_is_made_with_an_address_where_it_is_found(ann):
    made = ann.post("copy-requests", ASKED)
    assert made.status_code == 201
    shown = made.json()
    assert shown["items"] == [BIG]
    assert shown["sites"] == ["T2_B"]
    assert shown["user"] == "ann"
    assert shown["status"] == "new"
    again = ann.client.get(made["Location"])
    assert again.json() == shown


def test_the_same_again_is_found_and_counted(ann, bob):
    first, second = ann.post("copy-requests", ASKED), bob.post("copy-requests", ASKED)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["count"] == 2


def test_lists_are_filtered_by_what_requests_have(ann, bob, nobody):
    first = ann.post("copy-requests", ASKED).json()["id"]
    second = bob.post("copy-requests", {**ASKED, "items": [SMALL]}).json()["id"]

    def found(**query):
        return [row["id"] for row in nobody.get("copy-requests", query).json()["results"]]

    assert found() == [second, first]
    assert found(user="ann") == [first]
    assert found(item=SMALL) == [second]
    assert found(status="completed") == []
    assert found(order="id") == [first, second]
    assert nobody.get("copy-requests", {"fields": "id,items"}).json()["results"][1] == {"id": first, "items": [BIG]}


def test_pages_follow_one_another_without_gap(ann, nobody):
    numbers = {ann.post("deletion-requests", {"items": [item], "sites": [site]}).json()["id"]
               for item in (BIG, SMALL) for site in ("T2_A", "T2_B", "T1_Tape")}  # fmt: skip
    address, seen = "/api/v1/deletion-requests?limit=2&order=first_asked", []
    while address:
        page = nobody.client.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = page["next"]
    assert len(seen) == 6
    assert set(seen) == numbers


def test_while_new_the_asker_changes_and_withdraws_it(ann, bob):
    number = ann.post("copy-requests", ASKED).json()["id"]
    assert ann.send("PATCH", f"copy-requests/{number}", {"num_copies": 2}).json()["num_copies"] == 2
    problem(bob.send("PATCH", f"copy-requests/{number}", {"num_copies": 3}), 403, "denied")
    problem(bob.post(f"copy-requests/{number}/cancel"), 403, "denied")
    assert ann.post(f"copy-requests/{number}/cancel").json()["status"] == "cancelled"
    assert ann.post(f"copy-requests/{number}/cancel").status_code == 200


def test_what_an_engine_has_taken_on_cannot_be_withdrawn(ann):
    number = ann.post("copy-requests", ASKED).json()["id"]
    engine.activate(Request.objects.get(pk=number), [(BIG, "T2_B")])
    told = problem(ann.post(f"copy-requests/{number}/cancel"), 409, "conflict")
    assert "activated" in told["detail"]
    actions = ann.get(f"copy-requests/{number}/actions").json()["results"]
    assert [(row["item"], row["site"], row["status"]) for row in actions] == [(BIG, "T2_B", "new")]


def test_operators_release_fail_and_reject(ann, operator):
    number = ann.post("copy-requests", ASKED).json()["id"]
    engine.activate(Request.objects.get(pk=number), [(BIG, "T2_B")])
    problem(ann.post(f"copy-requests/{number}/release"), 403, "denied")
    assert operator.post(f"copy-requests/{number}/release").json()["status"] == "new"
    rejected = operator.post(f"copy-requests/{number}/reject", {"reason": "not this week"}).json()
    assert rejected["status"] == "rejected"
    assert "not this week" in rejected["reason"]
    other = ann.post("deletion-requests", {"items": [BIG], "sites": ["T2_B"]}).json()["id"]
    problem(ann.post(f"deletion-requests/{other}/fail", {"reason": "no"}), 403, "denied")
    assert operator.post(f"deletion-requests/{other}/fail", {"reason": "no"}).json()["status"] == "rejected"


def test_a_cached_request_is_kept_at_once(ann):
    kept = ann.post("copy-requests/cached", ASKED)
    assert kept.status_code == 202
    assert kept.json()["cached_id"] > 0
    assert not Request.objects.exists()


def test_a_preview_keeps_nothing(ann):
    told = ann.post("deletion-requests/preview", {"items": [BIG], "sites": ["T2_A"]})
    assert told.status_code == 200, told.content
    assert told.json()["item_sizes"] == {BIG: 300}
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**ASKED, "status": "completed"}, "status"),
        ({**ASKED, "user": "bob"}, "user"),
        ({**ASKED, "items": BIG}, "items"),
        ({**ASKED, "items": [BIG, 7]}, "items[1]"),
        ({**ASKED, "items": []}, "items"),
        ({**ASKED, "num_copies": "2"}, "num_copies"),
        ({**ASKED, "num_copies": True}, "num_copies"),
        ({**ASKED, "num_copies": -1}, "num_copies"),
        ({**ASKED, "group": None}, "group"),
        ({"sites": ["T2_B"]}, "items"),
    ],
)
def test_what_is_wrong_is_named(ann, body, field):
    told = problem(ann.post("copy-requests", body), 400, "invalid")
    assert any(name.startswith(field.split("[")[0]) for name in fields_of(told)), told
    assert not Request.objects.exists()


def test_names_that_nobody_knows_are_refused(ann):
    told = problem(ann.post("copy-requests", {**ASKED, "items": ["/No/Such/THING"]}), 400, "refused")
    assert "/No/Such/THING" in told["detail"]


def test_only_known_users_ask(nobody):
    problem(nobody.post("copy-requests", ASKED), 401, "not-authenticated")
    assert "Bearer" in nobody.post("copy-requests", ASKED)["WWW-Authenticate"]


def test_a_request_of_the_other_kind_is_not_found(ann):
    number = ann.post("copy-requests", ASKED).json()["id"]
    problem(ann.get(f"deletion-requests/{number}"), 404, "not-found")
    problem(ann.post(f"deletion-requests/{number}/cancel"), 404, "not-found")
