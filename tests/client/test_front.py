"""The client with certificates and proxies through a real nginx in front of a real server, as installations have it."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User

from dynamo_client import Denied, Dynamo
from registry import rights
from tests.registry.makers import BIG, inventory_of_the_tests
from tests.registry.rights import authority
from tests.registry.rights.authority import Front, Holder
from tests.registry.rights.test_certificates import NAME, front, known, running  # noqa: F401 - fixtures

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ann(front: Front, inventory, empty_redis) -> None:  # noqa: F811 - a fixture
    """Ann, known by her certificate, may administer the inventory."""
    inventory.commit(inventory_of_the_tests())
    rights.grant(User.objects.get(username="ann"), "admin", "inventory")


def test_a_proxy_is_all_that_is_needed(front: Front, known: Holder, ann: None, command, tmp_path, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setenv("DYNAMO_URL", front.url)
    monkeypatch.setenv("X509_CERT_DIR", str(front.trusted))
    assert command("whoami")[0] == 3
    proxy = authority.proxy(authority.proxy(authority.user(known, NAME)), "89")
    monkeypatch.setenv("X509_USER_PROXY", str(proxy.file(front.directory)))
    code, out, err = command("whoami")
    assert (code, out.splitlines()[0]) == (0, "user\tann"), err
    assert "known by\tcertificate" in out
    document = tmp_path / "document.json"
    document.write_text(json.dumps({"dataset": [{"name": f"/N{number:05}/a/B"} for number in range(20_000)]}))
    code, out, err = command("inject", str(document), "--wait")
    assert (code, "datasets=20000" in out) == (0, True), err
    assert command("datasets", "/N0001?/*")[1].count("\n") == 10
    assert command("request", "copy", BIG, "--site", "T2_B", "--group", "AnalysisOps")[0] == 0


def test_a_certificate_that_does_not_hold_is_told(front: Front, known: Holder, ann: None) -> None:  # noqa: F811
    eve = authority.user(known, [(authority.CN, "Eve")]).file(front.directory)
    client = Dynamo(front.url, certificate=str(eve), authorities=str(front.trusted))
    with client as dynamo, pytest.raises(Denied, match="/CN=Eve"):
        dynamo.whoami()
