"""What the first Dynamo's command-line programs send, byte for byte, and what they read of the answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from inventory.models import TunedSetting
from registry import injections
from tests.registry.conftest import Api
from tests.registry.makers import BIG

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("filled", "empty_redis")]
LFN = "/store/new/1.root"
DATASET = "/New/Run-v1/AOD"
KINDS = {"datasets", "blocks", "files", "sites", "groups", "datasetreplicas", "blockreplicas"}


@pytest.fixture(autouse=True)
def _defaults(db: None) -> None:
    TunedSetting.objects.create(component="registry", name="default_group", value="AnalysisOps")


def inject(api: Api, resource: str, document: dict[str, Any]) -> dict[str, int]:
    """As ``dynamo-inject`` posts, and prints: a number for each kind."""
    answer = api.client.post(
        f"/data/inventory/{resource}", json.dumps(document), content_type="application/json", headers=api.headers
    )
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found["result"] == "OK"
    assert all(isinstance(count, int) for count in found["data"].values())
    return found["data"]


def request(resource: str, fields: list[tuple[str, object]], api: Api | None = None) -> Any:
    """As ``dynamo-request`` posts: polls without any certificate."""
    client, headers = (Client(), {}) if api is None else (api.client, api.headers)
    form = "application/x-www-form-urlencoded"
    answer = client.post(f"/data/request/{resource}", urlencode(fields), content_type=form, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


def test_dynamo_inject_makes_everything_and_deletes_it(admin, filled) -> None:
    files = [{"name": LFN, "size": 7, "site": "T2_New"}]
    counts = inject(admin, "inject", {
        "dataset": [{"name": DATASET, "status": "unknown", "data_type": "unknown", "blocks": [{"name": "n1", "files": files}]}],
        "site": [{"name": "T2_New", "host": "", "storage_type": "unknown", "backend": "", "status": "unknown"}],
        "gruop": [{"name": "New", "olevel": "block"}],
        "datasetreplica": [{"site": "T2_New", "dataset": DATASET, "growing": True, "group": "New",
                            "blockreplicas": [{"block": "n1", "group": "New", "files": [LFN]}]}],
    })  # fmt: skip
    assert set(counts) == KINDS
    assert set(counts.values()) == {1}
    injections.apply_waiting()
    [block] = admin.get("inventory/blockreplicas", dataset=DATASET)[1]["data"]["block"]
    assert [(one["node"], one["complete"], one["group"], one["bytes"]) for one in block["replica"]] == [
        ("T2_New", "y", "New", 7)
    ]
    assert filled.snapshot().frame("dataset_replicas")["growing"].to_list().count(True) == 0
    deleted = inject(admin, "delete", {"dataset": [{"name": DATASET, "status": "unknown", "data_type": "unknown"}]})
    assert (deleted["datasets"], set(deleted) <= KINDS) == (1, True)
    injections.apply_waiting()
    assert admin.get("inventory/datasets", dataset=DATASET)[1]["data"] == []


def test_dynamo_inject_sends_files_of_which_nothing_but_the_size_is_known(admin) -> None:
    files = [{"name": "/store/big/9.root", "size": 1, "site": "T2_A"}]
    document = {
        "dataset": [
            {"name": BIG, "status": "unknown", "data_type": "unknown", "blocks": [{"name": "b1", "files": files}]}
        ]
    }
    assert inject(admin, "inject", document)["files"] == 1


def test_dynamo_inject_without_the_right_is_told(ann) -> None:
    answer = ann.client.post("/data/inventory/inject", "{}", content_type="application/json", headers=ann.headers)
    assert answer.status_code == 403
    assert answer.json()["result"] == "Forbidden" and "admin on inventory" in answer.json()["message"]


def test_dynamo_request_asks_polls_and_withdraws(ann) -> None:
    fields = [("item[]", BIG), ("site[]", "T2_A"), ("site[]", "T2_B"), ("n", 1)]
    [made] = request("copy", fields, ann)
    number = made["request_id"]
    assert isinstance(number, int)
    assert (made["item"], made["site"]) == ([BIG], ["T2_A", "T2_B"])
    for poll in (
        [("request_id", number)], [("item[]", BIG), ("status[]", "new"), ("status[]", "activated"), ("user[]", "ann")],
        [("item[]", BIG), ("site[]", "T2_B"), ("site[]", "T2_A")],
    ):  # fmt: skip
        [found] = request("pollcopy", poll)
        assert (found["request_id"], found["status"]) == (number, "new")
        assert "active" not in found
    assert request("pollcopy", [("status[]", "completed")]) == []
    assert request("cancelcopy", [("request_id", number)], ann)["request_id"] == number
    assert request("pollcopy", [("request_id", number)])[0]["status"] == "cancelled"


def test_dynamo_request_asks_for_deletions(ann) -> None:
    [made] = request("delete", [("item[]", f"{BIG}#b1"), ("site[]", "T2_A")], ann)
    [found] = request("polldelete", [("item[]", f"{BIG}#b1")])
    assert found == made
    assert set(found) == {"request_id", "item", "site", "status", "user", "dn", "request_time"}
    [again] = request("delete", [("item[]", f"{BIG}#b1"), ("site[]", "T2_A")], ann)
    assert again["request_id"] == made["request_id"]


def test_a_request_dict_has_the_keys_and_times_of_old(ann) -> None:
    [made] = request("copy", [("item[]", BIG), ("site[]", "T2_B"), ("n", 0)], ann)
    times = {made.pop("first_request"), made.pop("last_request")}
    assert all(
        len(time) == len("2026-01-01T00:00:00 UTC") and time[10] == "T" and time.endswith(" UTC") for time in times
    )
    assert made == {
        "request_id": made["request_id"], "item": [BIG], "site": ["T2_B"], "status": "new", "user": "ann", "dn": "",
        "group": "AnalysisOps", "n": 0, "request_count": 1,
    }  # fmt: skip
