"""Bodies that come compressed."""

from __future__ import annotations

import gzip
import json

import pytest

from registry.models import Injection
from tests.registry.api.writing.conftest import problem

pytestmark = pytest.mark.usefixtures("filled")
DOCUMENT = {"dataset": [{"name": f"/N{number:04}/a/B"} for number in range(500)]}
PACKED = gzip.compress(json.dumps(DOCUMENT).encode(), mtime=0)


def test_a_body_in_gzip_is_what_it_holds(operator):
    answer = operator.post("injections", PACKED, content_encoding="gzip")
    assert (answer.status_code, answer.json()["counts"]["datasets"]) == (202, 500)
    assert Injection.objects.get().document == DOCUMENT


def test_sent_again_with_its_key_it_is_the_same_call(operator):
    first, again = (operator.post("injections", PACKED, content_encoding="GZIP", idempotency_key="k") for _ in range(2))
    assert (first.json()["id"], again["Idempotency-Replayed"]) == (again.json()["id"], "true")
    assert Injection.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "encoding", "status", "kind"),
    [
        (b"no gzip", "gzip", 400, "malformed"), (PACKED[:-9], "gzip", 400, "malformed"),
        (PACKED + PACKED, "gzip", 400, "malformed"), (PACKED + b"more", "gzip", 400, "malformed"),
        (gzip.compress(b"no JSON", mtime=0), "gzip", 400, "malformed"), (PACKED, "br", 415, "unsupported-media-type"),
        (PACKED, "gzip, gzip", 415, "unsupported-media-type"), (PACKED, "identity", 400, "malformed"),
    ],
)  # fmt: skip
def test_what_is_none_is_told(operator, body, encoding, status, kind):
    problem(operator.post("injections", body, content_encoding=encoding), status, kind)
    assert not Injection.objects.exists()


def test_a_bomb_is_not_unpacked(operator):
    bomb = gzip.compress(b" " * (200 * 1024 * 1024), 9)
    problem(operator.post("copy-requests", bomb, content_encoding="gzip"), 413, "too-large")
    problem(operator.post("injections", bomb, content_encoding="gzip"), 413, "too-large")
