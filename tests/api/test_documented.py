"""The schema and its pages: valid, complete, with examples that hold, and nothing from another host."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from dynamo_site.api import schema_text


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads(schema_text())


def operations(schema: dict):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


@pytest.mark.slow
def test_the_schema_is_openapi_3_1_without_warnings(schema):
    validate_schema(schema)
    assert schema["openapi"].startswith("3.1")
    assert not GENERATOR_STATS, "drf-spectacular warns; see manage.py spectacular"


def test_every_address_below_api_is_in_it(schema):
    known = {re.sub(r"\{\w+\}", "{}", path) for path in schema["paths"]}
    own = {"api/v1/schema", "api/v1/docs", "api/v1/redoc"}
    for pattern in get_resolver().url_patterns:
        for inner in getattr(pattern, "url_patterns", [pattern]):
            route = getattr(inner.pattern, "_route", "")
            if route.startswith("api/v1/") and route not in own:
                assert re.sub(r"<[^>]+>", "{}", f"/{route}") in known


def test_every_operation_says_what_it_is_for_and_which_problems_it_has(schema):
    for name, operation in operations(schema):
        assert operation["summary"], name
        assert operation["operationId"], name
        assert {"4XX", "5XX"} <= set(operation["responses"]), name
        if name.startswith("POST"):
            assert "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}, name


def test_bodies_refuse_what_they_do_not_know_and_have_examples(schema):
    for name, operation in operations(schema):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            assert media_type == "application/json", name
            declared = content["schema"]
            declared = (
                schema["components"]["schemas"][declared["$ref"].rpartition("/")[2]] if "$ref" in declared else declared
            )
            assert declared.get("additionalProperties") is False, name
            assert "examples" in content or "example" in declared, name


def test_examples_hold(schema):
    resolver = {"components": schema["components"]}
    checked = 0
    for _, operation in operations(schema):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in (found for media in contents for found in media.values()):
            for example in content.get("examples", {}).values():
                jsonschema.Draft202012Validator({**content["schema"], **resolver}).validate(example["value"])
                checked += 1
    assert checked > 50


def test_the_schema_is_served(client, db):
    answer = client.get("/api/v1/schema")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Dynamo"


@pytest.mark.parametrize("page", ["docs", "redoc"])
def test_its_pages_name_no_foreign_host_and_no_script_of_their_own(client, db, page):
    answer = client.get(f"/api/v1/{page}")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert not re.search(r"https?://", text)
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert "script-src 'unsafe" not in answer["Content-Security-Policy"]
    for source in re.findall(r'(?:src|href)="([^"]+)"', text):
        found = client.get(source)
        assert found.status_code == 200, source


def test_the_index_lists_the_resources(client, db):
    found = client.get("/api/v1/").json()["resources"]
    assert {"copy-requests", "datasets", "detox/cycles", "runs", "held"} <= set(found)
    assert all(address.startswith("/api/v1/") for address in found.values())
