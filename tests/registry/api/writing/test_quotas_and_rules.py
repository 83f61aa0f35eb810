"""Quotas and approval rules through ``/api/v1/``."""

from __future__ import annotations

import pytest

from inventory import client
from inventory.changes import ChangeSet
from registry import quotas
from registry.models import ApprovalRule, AuditRecord
from tests.registry.api.writing.conftest import fields_of, problem
from tests.registry.makers import BIG

pytestmark = pytest.mark.usefixtures("filled", "empty_redis")
RULE = {"name": "large", "kind": "copy", "sites": "T2_*", "emails": "ops@example.org"}


@pytest.fixture
def simple(filled) -> str:
    """A partition that has quotas."""
    filled.commit(ChangeSet("test", 1).put("partitions", [{"name": "Valid", "definition": "dataset.status == VALID"}]))
    return "Valid"


def wished(*rows: dict[str, object]) -> dict[str, object]:
    return {"quotas": [{"site": "T2_A", "partition": "Valid", **row} for row in rows]}


def test_quotas_are_set_together(operator, nobody, simple) -> None:
    done = operator.send("PATCH", "quotas", wished({"quota": 10**12, "before": 0}, {"site": "T2_B", "quota": -1}))
    assert (done.status_code, done.json()["changed"]) == (200, 2)
    shown = nobody.get("quotas", {"partition": simple}, dynamo_version=str(done.json()["version"])).json()["results"]
    assert {row["site"]: row["quota"] for row in shown} == {"T1_Tape": 0, "T2_A": 10**12, "T2_B": -1, "T2_Sleeping": 0}
    noted = AuditRecord.objects.filter(action="quota.set").values_list("target", "before", "after")
    assert set(map(str, noted)) == {
        str((f"quota of Valid at {site}", {"TB": "0"}, {"TB": told}))
        for site, told in (("T2_A", "1"), ("T2_B", "none"))
    }


def test_quotas_are_set_wholly_or_not_at_all(operator, ann, nobody, simple) -> None:
    version = client.snapshot().version
    right = {"quota": 5}
    assert ann.send("PATCH", "quotas", wished(right)).status_code == 403
    assert nobody.send("PATCH", "quotas", wished(right)).status_code == 401
    problem(operator.send("PATCH", "quotas", wished(right, {"site": "T2_No", "quota": 1})), 400, "refused")
    problem(
        operator.send("PATCH", "quotas", wished(right, {"partition": "No", "site": "T2_B", "quota": 1})), 400, "refused"
    )
    problem(operator.send("PATCH", "quotas", wished(right, right)), 400, "refused")
    problem(operator.send("PATCH", "quotas", wished(right, {"site": "T2_B", "quota": 1, "before": 3})), 409, "conflict")
    assert client.snapshot().version == version
    assert set(quotas.known(client.snapshot()).values()) == {0}


def test_rules_are_kept_by_operators_and_decide(operator, ann, nobody) -> None:
    assert ann.post("approval-rules", RULE).status_code == 403
    made = operator.post("approval-rules", RULE)
    assert (made.status_code, made.json()["changed_by"], made.json()["emails"]) == (
        201,
        operator.user.username,
        "ops@example.org",
    )
    address = made["Location"].removeprefix("/api/v1/")
    shown = nobody.get(address).json()
    assert (shown["decision"], "emails" in shown, "webhook" in shown) == ("ask", False, False)
    asked = {"items": [BIG], "sites": ["T2_B"], "group": "AnalysisOps"}
    assert ann.post("copy-requests", asked).json()["status"] == "waiting"
    changed = operator.send("PATCH", address, {"enabled": False})
    assert (changed.status_code, changed.json()["enabled"], changed.json()["sites"]) == (200, False, "T2_*")
    assert [
        row["name"] for row in nobody.get("approval-rules", {"kind": "copy", "order": "order"}).json()["results"]
    ] == ["large"]
    assert nobody.get("approval-rules", {"kind": ""}).json()["results"] == []
    assert nobody.get("approval-rules", {"enabled": "true"}).json()["results"] == []
    assert operator.send("DELETE", address).status_code == 204
    problem(nobody.get(address), 404, "not-found")
    actions = (
        AuditRecord.objects.filter(action__startswith="approval-rule").order_by("id").values_list("action", "user")
    )
    assert list(actions) == [(f"approval-rule.{verb}", operator.user.username) for verb in ("add", "change", "delete")]


def test_rules_that_cannot_be_are_refused(operator) -> None:
    wrong = {**RULE, "role": "production", "emails": "nobody"}
    assert fields_of(problem(operator.post("approval-rules", wrong), 400, "invalid")) == ["emails"]
    assert operator.post("approval-rules", RULE).status_code == 201
    assert fields_of(problem(operator.post("approval-rules", RULE), 400, "invalid")) == ["name"]
    assert ApprovalRule.objects.count() == 1
