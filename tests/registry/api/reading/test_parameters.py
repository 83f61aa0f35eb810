"""Huge and odd parameters: a clear problem, never a failure."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.registry.api.reading.test_lists import LISTS


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("site=T2_%00", "site"), ("dataset=" + "x" * 3000, "dataset"), ("&".join(f"site=s{n}" for n in range(501)), "site"),
        ("sizes=1", "sizes"), ("size=x", "size"), ("size=1.5", "size"), ("size=" + "9" * 40, "size"), ("size=", "size"),
        ("complete=maybe", "complete"), ("complete__gt=true", "complete__gt"), ("site__gt=x", "site__gt"), ("size__between=1", "size__between"),
        ("size__gt=1&size__gt=2", "size__gt"), ("last_update__gt=tomorrowish", "last_update__gt"), ("group__null=true", "group__null"),
        ("order=nothing", "order"), ("order=size,-size", "order"), ("order=--size", "order"), ("fields=nothing", "fields"), ("limit=0", "limit"),
        ("limit=10001", "limit"), ("limit=-1", "limit"), ("limit=1&limit=2", "limit"), ("limit=x", "limit"), ("at_version=-1", "at_version"),
        ("at_version=x", "at_version"), ("size__ge=²", "size__ge"), ("__=1", "__"), ("size____=1", "size____"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(reader, stocked, query, field):
    status, problem = reader.problem(f"replicas?{query}")
    assert (status, problem["type"]) == (400, "/api/v1/problems/invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_every_mistake_is_named_at_once(reader, stocked):
    _, problem = reader.problem("replicas?limit=0&wrong=1&size=x&order=no")
    assert {error["field"] for error in problem["errors"]} == {"limit", "wrong", "size", "order"}


def test_a_near_name_is_proposed(reader, stocked):
    assert "did you mean dataset?" in reader.problem("replicas?datset=x")[1]["detail"]
    assert "choose from" in reader.problem("datasets?status=GOOD")[1]["detail"]


@pytest.mark.parametrize("query", ["%ff=1", "site=%ff", "site=%ed%a0%80"])
def test_what_is_no_text(reader, stocked, query):
    assert reader.problem(f"replicas?{query}")[0] == 400


@given(
    path=st.sampled_from([*LISTS, "lfn2pfn", "datasets/x", "sites/T2_A", "files/x"]),
    query=st.dictionaries(
        st.one_of(
            st.sampled_from(["site", "dataset", "size__gt", "limit", "cursor", "order", "fields", "at_version", "list_by", "lfn", "since", "name"]),
            st.text(max_size=8),
        ),
        st.lists(st.one_of(st.text(max_size=12), st.integers().map(str), st.sampled_from(["*", "[", "T2_*", "(", "a{9999}", "/x", "-size"])), max_size=3),
        max_size=4,
    ),
)  # fmt: skip
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_is_answered(reader, stocked, path, query):
    answer = reader.get(path, query)
    assert answer.status_code in (200, 400, 404, 410), answer.content
    if answer.status_code != 200:
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"]


def test_globs_cost_what_their_number_and_length_allow(reader, stocked):
    globs = [f"*{'a' * number}*b?" for number in range(200)]
    assert reader.rows("replicas", dataset=globs) == []


def test_only_reading(reader, stocked):
    answer = reader.client.post("/api/v1/datasets", {}, content_type="application/json")
    assert answer.status_code in (401, 403, 405)
    assert reader.client.head("/api/v1/datasets").status_code == 200
