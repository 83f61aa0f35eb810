"""Requests as clients of the PhEDEx data service see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from registry import archive
from registry.classic import phedex_requests
from registry.models import Request, RequestItem, RequestSite, UserDN
from tests.registry.classic.world import ODD, PARTLY, got, ids
from tests.registry.makers import BIG, SMALL

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
ASKED = 1_780_000_000
AGAIN = ASKED + 100


def made(status: str, items: list[str], sites: list[str], kind: str = "copy") -> int:
    times = {"first_asked": datetime.fromtimestamp(ASKED, UTC), "last_asked": datetime.fromtimestamp(AGAIN, UTC)}
    request = Request.objects.create(kind=kind, status=status, user="ann", group="AnalysisOps", **times)
    RequestItem.objects.bulk_create(RequestItem(request=request, item=item) for item in items)
    RequestSite.objects.bulk_create(RequestSite(request=request, site=site) for site in sites)
    return request.pk


@pytest.fixture
def requests(world) -> dict[str, int]:
    return {
        "new": made("new", [BIG], ["T2_B"]), "activated": made("activated", [f"{PARTLY}#{ODD}", SMALL], ["T2_A", "T2_B"]),
        "rejected": made("rejected", ["/Gone/From/HERE"], ["T9_Gone"]),
        "deletion": made("completed", [BIG], ["T2_A"], "deletion"),
    }  # fmt: skip


def test_requestlist_is_one_list_of_copies_and_deletions(requests, world) -> None:
    nodes = ids(world, "sites", "site_id")
    new, activated, rejected, deletion = got("inventory/requestlist")["request"]
    node = {"id": nodes["T2_B"], "name": "T2_B", "se": "t2_b.example.org"}
    assert new == {
        "id": requests["new"], "type": "xfer", "approval": "pending", "requested_by": "ann", "time_create": ASKED,
        "node": [node | {"decision": "pending", "decided_by": None, "time_decided": None}],
    }  # fmt: skip
    assert activated["approval"] == "approved"
    assert activated["node"][1] == node | {"decision": "approved", "decided_by": "ann", "time_decided": ASKED}
    assert (rejected["approval"], rejected["node"][0]["decision"]) == ("disapproved", "refused")
    assert (rejected["node"][0]["id"], rejected["node"][0]["name"]) == (None, "T9_Gone")
    assert (deletion["id"], deletion["type"]) == (requests["deletion"], "delete")


@pytest.mark.parametrize(("parameters", "found"), [
    ({"decision": "approved"}, ["activated", "deletion"]), ({"decision": "pending"}, ["new"]),
    ({"decision": "refused"}, ["rejected"]), ({"node": "T2_B"}, ["new", "activated"]), ({"node": "T2_*"}, ["new", "activated", "deletion"]),
    ({"node": "T7*"}, []), ({"dataset": BIG}, ["new", "deletion"]), ({"dataset": PARTLY}, ["activated"]),
    ({"dataset": "/Part*/*,/Small*"}, ["activated"]), ({"dataset": "/Gone*"}, ["rejected"]), ({"dataset": "*"}, ["new", "activated", "rejected", "deletion"]),
    ({"type": "delete"}, ["deletion"]), ({"type": "xfer", "dataset": BIG}, ["new"]), ({"requested_by": "bob"}, []),
    ({"requested_by": "bob,ann", "decision": "pending"}, ["new"]), ({"create_since": ASKED, "type": "delete"}, ["deletion"]),
    ({"create_since": ASKED + 1}, []), ({"request": ""}, []), ({"request": 10**9}, []),
    ({"dataset": "/Part"}, []), ({"dataset": ""}, []), ({"dataset": BIG, "node": "T2_A", "decision": "approved"}, ["deletion"]),
])  # fmt: skip
def test_requests_are_chosen(requests, parameters, found) -> None:
    shown = got("inventory/requestlist", **parameters)["request"]
    assert [row["id"] for row in shown] == [requests[name] for name in found]


def test_many_items_are_gone_through_a_page_at_a_time(requests, monkeypatch) -> None:
    monkeypatch.setattr(phedex_requests, "_PAGE", 3)
    found = got("inventory/requestlist", dataset="/*")["request"]
    assert [row["id"] for row in found] == sorted(requests.values())


def test_archived_requests_are_among_them(requests, settings, tmp_path) -> None:
    settings.HISTORY_DIR = tmp_path
    ended = datetime.fromtimestamp(AGAIN, UTC)
    Request.objects.filter(status__in=["rejected", "completed"]).update(ended=ended)
    whole, old = got("inventory/requestlist"), {name: requests[name] for name in ("rejected", "deletion")}
    assert archive.move_old(ended + timedelta(days=10_000)) == 2
    assert got("inventory/requestlist") == whole
    for parameters, names in (
        ({"dataset": "/Gone*"}, ["rejected"]), ({"dataset": f"{BIG},/None", "node": "T2_A"}, ["deletion"]), ({"dataset": ""}, []),
        ({"decision": "refused"}, ["rejected"]), ({"node": "T2_A", "decision": "approved", "dataset": "/B*W"}, ["deletion"]),
        ({"node": "T2_Sleeping"}, []), ({"dataset": "/Gone"}, []), ({"type": "delete"}, ["deletion"]), ({"requested_by": "bob"}, []),
        ({"create_since": ASKED + 1}, []), ({"create_since": ASKED, "decision": "refused"}, ["rejected"]),
        ({"request": f"{old['rejected']},{requests['new']}"}, ["rejected"]),
    ):  # fmt: skip
        shown = [
            row["id"] for row in got("inventory/requestlist", **parameters)["request"] if row["id"] in old.values()
        ]
        assert shown == [old[name] for name in names], parameters


def test_transferrequests_keep_misspelt_keys_beside_right_ones(requests, world) -> None:
    user = User.objects.create_user("ann")
    UserDN.objects.create(user=user, dn="/DC=org/CN=Ann")
    nodes, datasets, blocks = (
        ids(world, table, key) for table, key in (("sites", "site_id"), ("datasets", "dataset_id"), ("blocks", "block_id"))
    )  # fmt: skip
    [found] = got("inventory/transferrequests", request=requests["activated"])["request"]
    decided = {"time_decided": AGAIN, "decision": "y", "dn": "/DC=org/CN=Ann"}
    destinations = [
        [{"id": nodes[name], "name": name, "se": f"{name.lower()}.example.org", "desided_by": decided, "decided_by": decided}]
        for name in ("T2_A", "T2_B")
    ]  # fmt: skip
    small = {"name": SMALL, "id": datasets[SMALL], "bites": 300, "bytes": 300, "files": 1}
    odd = {"name": f"{PARTLY}#{ODD}", "id": blocks[ODD], "bites": 40, "bytes": 40, "files": 2}
    assert found == {
        "id": requests["activated"], "priority": "low", "move": "n", "time_start": None,
        "requested_by": {"name": "ann", "username": "ann", "dn": "/DC=org/CN=Ann"}, "destinations": destinations,
        "data": {
            "bites": 340, "bytes": 340, "files": 3, "time_create": ASKED, "group": "AnalysisOps",
            "dbs": {"dataset": [small], "block": [odd]},
        },
    }  # fmt: skip


def test_transferrequests_that_are_not_there(requests) -> None:
    for parameters in ({}, {"request": 10**9}, {"request": requests["deletion"]}):
        assert got("inventory/transferrequests", **parameters) == {"request": []}
    both = got("inventory/transferrequests", request=f"{requests['new']},{requests['rejected']}")["request"]
    assert [(row["id"], row["data"]["files"]) for row in both] == [(requests["new"], 2), (requests["rejected"], 0)]
