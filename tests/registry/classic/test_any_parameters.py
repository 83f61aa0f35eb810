"""Whatever a classic call is given, the answer is one that clients understand: never a server's error."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from detox.api import CLASSIC as DETOX
from fileops.api import CLASSIC as FILEOPS
from registry import rights, tokens
from registry.classic.addresses import PREFIXES
from registry.classic.envelope import ENDPOINTS, View
from registry.urls import CLASSIC
from tests.registry.classic.world import ODD, PARTLY
from tests.registry.makers import BIG

EXAMPLES = int(os.environ.get("DYNAMO_API_EXAMPLES", "3"))  # of each command
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world", "empty_redis")]
VIEWS: dict[str, View] = {**CLASSIC, **DETOX, **FILEOPS}
PLAUSIBLE = [
    BIG, f"{BIG}#b1", f"{PARTLY}#{ODD}", "/*", "*", "T2_A", "T2_*", "AnalysisOps", "None", "y", "n", "0", "1", "-1", "24h", "3w",
    "99999w", "tomorrow", "2030-01-01", "1800000000", "9" * 30, "", ",", "[", "[]", '["T2_A"]', "new", "size", "site", "%", "!5", "(",
    "[z-a]", "[!]*", "/store/../x", "/store/x", "davs", "\0", "é", "😀", "𝟛", "x" * 2000, "a*" * 60 + "b", "(a+)+$", "no_source",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(PLAUSIBLE), st.text(max_size=20))
SCALARS = st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.floats())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(TEXTS, SCALARS, max_size=2))
STATUSES = {200, 400, 401, 403, 404, 503}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A command and parameters, most of which it has."""
    command = draw(st.sampled_from(sorted(VIEWS)))
    declaration = ENDPOINTS[VIEWS[command]]
    names = [parameter.name for parameter in declaration.parameters]
    required = {parameter.name: VALUES for parameter in declaration.parameters if parameter.required}
    name = st.sampled_from([*names, *(f"{one}[]" for one in names), "callback"]) if draw(st.integers(0, 9)) else TEXTS
    return command, draw(st.fixed_dictionaries(required)) | draw(st.dictionaries(name, VALUES, max_size=4))


def encoded(parameters: dict[str, Any]) -> str:
    """As a query or a form, with bytes that are no text now and then."""
    pairs = []
    for name, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            raw = str(one).encode("utf-8", "surrogatepass")
            pairs.append(f"{quote_from_bytes(name.encode('utf-8', 'surrogatepass'))}={quote_from_bytes(raw)}")
    return "&".join(pairs)


def called(client: Client, address: str, how: str, parameters: dict[str, Any]) -> HttpResponse:
    if how == "query":
        return client.get(f"{address}?{encoded(parameters)}")
    if how == "form":
        return client.post(address, encoded(parameters), content_type="application/x-www-form-urlencoded")
    return client.post(address, json.dumps(parameters), content_type="application/json")


def check(answer: HttpResponse) -> None:
    content = answer.getvalue().decode()
    event(f"status {answer.status_code}")
    assert answer.status_code in STATUSES, content
    assert answer.status_code != 503 or int(answer["Retry-After"]) > 0, content
    if answer["Content-Type"] == "application/json":
        found = json.loads(content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert set(found) in ({"result", "message"}, {"result", "message", "data"}, {"phedex"})
        assert "phedex" in found or (found["result"] == "OK") == (answer.status_code == 200)
    else:
        assert answer["Content-Type"].startswith("text/plain") and answer.status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("who", ["nobody", "administrator"])
@settings(
    max_examples=EXAMPLES * len(VIEWS), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(call=calls(), prefix=st.sampled_from(PREFIXES), how=st.sampled_from(["query", "form", "json"]))
def test_any_call_has_an_answer_that_clients_understand(
    who: str, call: tuple[str, dict[str, Any]], prefix: str, how: str
) -> None:
    headers = {}
    if who == "administrator":
        user, made = User.objects.get_or_create(username="adam")
        if made:
            rights.grant(user, "admin", "inventory")
        headers = {"authorization": f"Bearer {tokens.create(user)[1]}"}
    command, parameters = call
    check(called(Client(headers=headers), f"/{prefix}/{command}", how, parameters))
