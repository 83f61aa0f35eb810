"""Schemathesis over the whole schema: whatever is sent, no answer is a failure of the server or other than the schema says.

Each call is sent as nobody, as a user without rights and as an operator. `make fuzz` makes many more of them.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import got_request_exception, request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.core.parameters import ParameterLocation

from dynamo_site.api import schema_text
from tests.registry.api.writing.conftest import Caller
from tests.registry.makers import BIG

EXAMPLES = int(os.environ.get("DYNAMO_API_EXAMPLES", "3"))
SEED = int(os.environ.get("DYNAMO_API_SEED", "1"))
_CONFIG = schemathesis.Config.from_dict(
    {
        "seed": SEED,
        "generation": {"mode": "all", "max-examples": EXAMPLES, "with-security-parameters": False},
        "phases": {"coverage": {"enabled": False}, "stateful": {"enabled": False}},
    }
)
_SCHEMA = schemathesis.openapi.from_dict(json.loads(schema_text()), config=_CONFIG)
_SCHEMA.app = get_wsgi_application()
_CHECKS = schemathesis.checks.CHECKS.get_by_names(
    [
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
        "response_schema_conformance",
    ]
)  # fmt: skip
_REFUSED = schemathesis.checks.CHECKS.get_by_names(["negative_data_rejection"])


def _checks(case: schemathesis.Case) -> list[Any]:
    """A body that the schema does not allow has to be refused; in an address a number may look like the text that is allowed."""
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    return [*_CHECKS, *(_REFUSED if body is not None and body.mode.is_negative else [])]


_THERE = {"number": 1, "name": BIG}
_NAMES = {
    "policies": "Physics.txt",
    "sources": "popularity",
    "sites": "T2_A",
    "groups": "AnalysisOps",
    "blocks": f"{BIG}#b1",
}


@_SCHEMA.hook("map_path_parameters")
def something_that_is_there(context: schemathesis.HookContext, path_parameters: dict[str, Any] | None):
    """Every other call is about what there is: of numbers that are drawn hardly one is that of a row."""
    for name, value in (path_parameters or {}).items():
        if name in _THERE and len(str(value)) % 2:
            path_parameters[name] = (
                _NAMES.get(context.operation.path.split("/")[3], _THERE[name]) if name == "name" else 1
            )
    return path_parameters


@pytest.fixture
def callers(everything, nobody: Caller, ann: Caller, operator: Caller, redis_url: str) -> dict[str, Caller]:
    """Those with fewest rights first, so that what an operator changes is still there for them; there is a little of everything."""
    return {"nobody": nobody, "a user without rights": ann, "an operator of everything": operator}


@pytest.fixture(autouse=True)
def _one_connection():
    """Requests of a test share its transaction, as with Django's own test client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@_SCHEMA.parametrize()
@settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_any_call(case: schemathesis.Case, callers: dict[str, Caller]):
    for who, caller in callers.items():
        with _server_log(who):
            case.call_and_validate(headers={**caller.headers, "Accept-Encoding": "identity"}, checks=_checks(case))


@contextmanager
def _server_log(who: str) -> Iterator[None]:
    """Prints whose call it is and what the server's log would say of it."""
    failures: list[str] = []

    def failed(**_: object) -> None:
        failures.append(traceback.format_exc())

    got_request_exception.connect(failed)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        got_request_exception.disconnect(failed)
        print(f"Called by {who}:", *failures, sep="\n")
