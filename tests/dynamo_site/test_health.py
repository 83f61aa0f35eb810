"""Monitoring: the health page, the metrics, and who may see them."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scheduler import history, life
from scheduler.runs import writer

pytestmark = pytest.mark.django_db


@pytest.fixture
def alive(empty_redis, inventory):
    """Everything that a healthy installation has."""
    life.give("worker", "w1", 60)
    return inventory


@pytest.fixture
def no_redis(settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path / 'none.sock'}"


def _metrics(client, **request):
    text = client.get("/metrics", **request).content.decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_all_is_well(client, alive):
    answer = client.get("/healthz")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert told["status"] == "ok"
    assert set(told["parts"]) == {"database", "redis", "inventory", "worker", "disk", "sources"}
    assert all(part["ok"] for part in told["parts"].values())
    assert told["parts"]["worker"]["workers"] == ["w1"]


def test_what_is_missing_is_named_with_what_to_do(client, alive):
    life.end("worker", "w1")
    answer = client.get("/healthz")
    assert answer.status_code == 503
    failing = {name: part["detail"] for name, part in answer.json()["parts"].items() if not part["ok"]}
    assert failing == {"worker": "no worker gives signs of life; start manage.py worker"}


def test_the_web_server_answers_before_redis_and_the_inventory_are_there(client, no_redis):
    answer = client.get("/healthz")
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert parts["database"]["ok"]
    assert "REDIS_URL" in parts["redis"]["detail"]
    assert "inventory_server" in parts["inventory"]["detail"]


def test_too_little_disk_is_a_fault(client, alive, settings):
    settings.HEALTH_MIN_FREE_BYTES = 10**18
    part = client.get("/healthz").json()["parts"]["disk"]
    assert not part["ok"]
    assert "are wanted" in part["detail"]


def test_strangers_see_that_it_works_but_no_details(client, alive):
    parts = client.get("/healthz", REMOTE_ADDR="8.8.8.8").json()["parts"]
    assert all(part == {"ok": True} for part in parts.values())


@pytest.mark.parametrize(
    ("request_facts", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "10.1.2.3"}, 403),
        ({"REMOTE_ADDR": "not an address"}, 403),
        ({"HTTP_X_FORWARDED_FOR": "8.8.8.8"}, 403),
        ({"HTTP_X_FORWARDED_FOR": "8.8.8.8", "HTTP_AUTHORIZATION": "Bearer sesame"}, 200),
        ({"REMOTE_ADDR": "8.8.8.8", "HTTP_AUTHORIZATION": "Bearer wrong"}, 403),
        ({"REMOTE_ADDR": "8.8.8.8", "HTTP_AUTHORIZATION": "Bearer "}, 403),
    ],
)
def test_metrics_are_for_those_who_may_watch(client, alive, settings, request_facts, status):
    settings.METRICS_TOKEN = "sesame"
    assert client.get("/metrics", **request_facts).status_code == status


def test_without_a_token_set_an_empty_one_opens_nothing(client, settings):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", REMOTE_ADDR="8.8.8.8", HTTP_AUTHORIZATION="Bearer ").status_code == 403


def test_metrics_tell_runs_turns_tasks_and_sites(client, alive):
    alive.put(
        sites=[{"name": "T2_A"}],
        partitions=[{"name": "Physics", "definition": 'dataset.name == "/*/*/*"'}],
        quotas=[{"site": "T2_A", "partition": "Physics", "quota": 5000}],
    )
    history.note("detox.cycle", time.time() - 2, "done", "")
    with writer("detox", {}, "alice", wait=0):
        found = _metrics(client)
    assert found["dynamo_runs", "detox", "run"] == 1
    assert found["dynamo_turn_waiting",] == 0
    assert 0 <= found["dynamo_turn_held_seconds", "detox"] < 60
    assert found["dynamo_workers",] == 1
    assert found["dynamo_task_last_failed", "detox.cycle"] == 0
    assert 1.5 < found["dynamo_task_last_seconds", "detox.cycle"] < 10
    assert found["dynamo_inventory_version",] == 1
    assert found["dynamo_inventory_rows", "sites"] == 1
    assert found["dynamo_site_quota_bytes", "Physics", "T2_A"] == 5000
    assert found["dynamo_site_present_bytes", "Physics", "T2_A"] == 0
    assert {value for name, value in found.items() if name[0] == "dynamo_source_up"} == {1}


def test_metrics_that_cannot_be_looked_up_are_left_out_and_said_so(client, no_redis):
    found = _metrics(client)
    assert found["dynamo_source_up", "runs"] == 1
    assert found["dynamo_source_up", "turn"] == 0
    assert found["dynamo_source_up", "inventory"] == 0
    assert not any(name[0] == "dynamo_turn_waiting" for name in found)
