"""Real cycles through the API: what they decided and why, having one run, and confirming what the guard refused."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import jsonschema
import pytest

from dealer.models import Cycle as DealerCycle
from detox import monitor
from detox.counterfactual import kept
from detox.counterfactual.search import Limits
from detox.cycle import run_cycle
from detox.models import Comparison, Cycle
from dynamo_site.api import schema_text
from registry.answer_models import KeptAnswer
from registry.audit_models import AuditRecord
from scheduler.connection import connect
from tests.detox import store
from tests.registry.api.writing.conftest import problem

QUEUE = "dynamo"


@pytest.fixture
def cycle(inventory, redis_url, settings, tmp_path: Path) -> Cycle:
    """A cycle of Physics, which deleted old datasets at T2_A."""
    settings.HISTORY_DIR, settings.POLICY_DIR = tmp_path / "history", tmp_path / "policies"
    settings.DETOX_ENFORCER_PROTECTED = ""
    settings.POLICY_DIR.mkdir()
    (settings.POLICY_DIR / "Physics.txt").write_text(store.POLICY)
    store.full_site(inventory)
    connect().delete(QUEUE)
    return run_cycle(store.parsed(), "alice")


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Around calls: they are in a transaction until its end."""
    return partial(django_capture_on_commit_callbacks, execute=True)


def queued() -> list[dict]:
    """Messages that wait for a worker."""
    return [json.loads(message) for message in connect().lrange(QUEUE, 0, -1)]


def test_lines_tell_what_they_did_over_cycles(cycle, nobody):
    def lines(**query):
        return nobody.get("detox/lines", {"partition": "Physics", **query}).json()["results"]

    assert sum(row["deleted"] for row in lines()) == int(monitor.deletions(cycle)["size"].sum())
    assert {(row["cycles"], row["policy"], row["period"], row["site"]) for row in lines()} == {
        (1, "Physics.txt", None, None)
    }
    assert {row["site"] for row in lines(by="site", deleted__gt=0)} == set(monitor.deletions(cycle)["site"])
    assert {row["period"] for row in lines(per="year")} == {f"{cycle.started:%Y}-01-01"}
    problem(nobody.get("detox/lines", {"partition": "Nothing"}), 404, "not-found")
    for wrong in ({}, {"partition": "Physics", "by": "colour"}, {"partition": "Physics", "per": "hour"}):
        problem(nobody.get("detox/lines", wrong), 400, "invalid")


def test_what_would_be_done_with_a_dataset_now(cycle, nobody):
    stayed = nobody.get(f"detox/cycles/{cycle.pk}/decisions", {"decision__not": "deleted"}).json()["results"][0]
    [told] = nobody.get("detox/now", {"dataset": stayed["dataset"]}).json()
    assert told["partition"] == "Physics"
    assert stayed["site"] in {one["site"] for one in told["sites"]}
    problem(nobody.get("detox/now", {"dataset": "/No"}), 404, "not-found")


def test_what_would_have_turned_a_decision(cycle, ann, nobody):
    address, asked = f"detox/cycles/{cycle.pk}/changes", {"site": "T2_A", "dataset": "/Old/A/AOD"}
    assert nobody.get(address, asked).status_code == 401
    told = ann.get(address, asked)
    assert told.status_code == 200, told.content
    cycle.refresh_from_db()
    assert told.json() == json.loads(json.dumps(kept.of_cycle(cycle, "T2_A", "/Old/A/AOD", Limits(seconds=15.0))))
    problem(ann.get(address, {**asked, "dataset": "/No"}), 404, "not-found")


def test_a_cycle_tells_what_it_decided_and_why(cycle, nobody):
    decisions = nobody.get(
        f"detox/cycles/{cycle.pk}/decisions", {"site": "T2_A", "decision": "deleted", "order": "dataset"}
    ).json()["results"]
    assert {row["dataset"]: row["size"] for row in decisions} == dict(
        monitor.deletions(cycle).filter(site="T2_A").drop("site").iter_rows()
    )
    assert "/Old/A/AOD" in {row["dataset"] for row in decisions}
    sites = nobody.get(f"detox/cycles/{cycle.pk}/sites", {"fields": "site,triggered"}).json()["results"]
    assert {row["site"]: row["triggered"] for row in sites} == {"T2_A": True, "T2_B": False}
    story = nobody.get(f"detox/cycles/{cycle.pk}/explain", {"site": "T2_A", "dataset": "/Old/A/AOD"})
    assert story.status_code == 200, story.content
    assert story.json()["looks"][0]["lines"]
    shown = nobody.get("detox/partitions").json()
    assert [(row["name"], row["cycle"]) for row in shown] == [("Physics", cycle.pk)]


def test_what_is_told_of_a_cycle_is_as_the_schema_says(cycle, nobody):
    schema = json.loads(schema_text())
    for what, query in (("explain", {"site": "T2_A", "dataset": "/Old/A/AOD"}), ("sites", {}), ("decisions", {})):
        operation = schema["paths"][f"/api/v1/detox/cycles/{{number}}/{what}"]["get"]
        declared = operation["responses"]["200"]["content"]["application/json"]["schema"]
        told = nobody.get(f"detox/cycles/{cycle.pk}/{what}", query).json()
        jsonschema.Draft202012Validator({**declared, "components": schema["components"]}).validate(told)


def test_operators_have_a_worker_run_a_cycle(cycle, operator, ann, committed):
    problem(ann.post("detox/cycles", {"policy": "Physics.txt"}), 403, "denied")
    assert queued() == []
    with committed():
        answer = operator.post("detox/cycles", {"policy": "Physics.txt"}, idempotency_key="k")
        assert (answer.status_code, answer.json()) == (202, {"queued": "detox.cycle"})
        assert operator.post("detox/cycles", {"policy": "Physics.txt"}, idempotency_key="k").status_code == 202
    assert [message["headers"]["task"] for message in queued()] == ["detox.cycle"]
    assert AuditRecord.objects.get(action="detox.cycle").user == "olga"


def test_operators_confirm_what_the_guard_refused(cycle, operator, committed):
    Cycle.objects.filter(pk=cycle.pk).update(state="refused")
    with committed():
        assert operator.post(f"detox/cycles/{cycle.pk}/confirm").status_code == 202
    (message,) = queued()
    assert f"'confirms': {cycle.pk}" in message["headers"]["kwargsrepr"]
    assert "Physics.txt" in message["headers"]["argsrepr"]


def test_operators_ask_what_would_be(cycle, operator, nobody):
    asked = operator.post("detox/comparisons", {"subject": "Physics", "quotas": ["T2_A=100"]})
    assert asked.status_code == 202, asked.content
    number = asked.json()["id"]
    assert nobody.get(f"detox/comparisons/{number}").json()["state"] == "waiting"
    problem(operator.post("detox/comparisons", {"subject": "Physics", "quotas": ["T2_A=100"]}), 409, "conflict")
    assert Comparison.objects.count() == 1


def test_operators_have_dealer_and_the_sites_looked_after(cycle, operator, nobody, committed):
    with committed():
        assert operator.post("dealer/cycles", {"partition": "Physics"}).status_code == 202
        assert operator.post("consistency/runs", {"site": "T2_A", "dry_run": True}).status_code == 202
    problem(operator.post("dealer/cycles", {"partition": "None"}), 404, "not-found")
    problem(operator.post("consistency/runs", {"site": "T9"}), 404, "not-found")
    assert {message["headers"]["task"] for message in queued()} == {"dealer.cycle", "consistency.check"}
    assert not DealerCycle.objects.exists()
    assert nobody.get("dealer/rules").json() == []


def test_no_worker_is_told_before_what_it_needs_is_there(cycle, operator, committed):
    """One that is quicker than the transaction would find nothing, and what is rolled back nobody is to do."""
    Cycle.objects.filter(pk=cycle.pk).update(state="refused")
    calls = {
        "detox/cycles": {"policy": "Physics.txt"}, f"detox/cycles/{cycle.pk}/confirm": None,
        "detox/comparisons": {"subject": "Physics", "quotas": ["T2_A=100"]}, "dealer/cycles": {"partition": "Physics"},
        "consistency/runs": {"site": "T2_A"},
    }  # fmt: skip
    with committed():
        for path, body in calls.items():
            assert operator.post(path, body, idempotency_key=path).status_code == 202
        assert queued() == []
    assert len(queued()) == len(calls)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_broker")
def test_while_nobody_can_be_told_of_the_work_the_caller_is_told_so(inventory, operator):
    store.full_site(inventory)
    answer = operator.post("dealer/cycles", {"partition": "Physics"}, idempotency_key="k")
    asked = operator.post("detox/comparisons", {"subject": "Physics", "quotas": ["T2_A=100"]}, idempotency_key="l")
    problem(answer, 503, "busy")
    assert int(answer["Retry-After"]) > 0
    # That it was asked for is in the log; the key is free for another try.
    assert AuditRecord.objects.filter(action="dealer.cycle").count() == 1
    problem(asked, 503, "busy")
    assert Comparison.objects.get().state == "failed"
    assert not KeptAnswer.objects.exists()
