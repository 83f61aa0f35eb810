"""The first Dynamo's programs with their proxies through a real nginx: copy, poll, withdraw; and a long answer."""

from __future__ import annotations

import shutil

import pytest
from django.contrib.auth.models import User

from inventory.models import TunedSetting
from registry.classic import replicas
from registry.models import UserDN
from tests.registry.makers import BIG
from tests.registry.rights import authority
from tests.registry.rights.authority import CN, DC, SECRET, Front, Holder

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.django_db(transaction=True)]
DN = "/DC=org/CN=Ann"


@pytest.fixture(scope="module")
def known() -> Holder:
    return authority.authority("Known Authority")


@pytest.fixture(scope="module")
def running(services, known: Holder, live_server) -> Front:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx is not installed; make packages installs it")
    yield authority.start(services, nginx, known, live_server.url)
    services.stop("front")


@pytest.fixture
def front(running: Front, world, settings) -> Front:
    settings.PROXY_ADDRESSES, settings.PROXY_SECRET = ["127.0.0.0/8"], SECRET
    settings.ALLOWED_HOSTS = ["localhost"]
    UserDN.objects.create(user=User.objects.create_user("ann"), dn=DN)
    TunedSetting.objects.create(component="registry", name="default_group", value="AnalysisOps")
    return running


def test_a_request_by_proxy_is_polled_without_any(front: Front, known: Holder) -> None:
    ann = authority.proxy(authority.user(known, [(DC, "org"), (CN, "Ann")]))
    form = {"item[]": [BIG], "site[]": ["T2_A", "T2_B"], "n": "1"}
    answer = front.post("/data/request/copy", ann, form)
    assert answer.status_code == 200, answer.text
    [made] = answer.json()["data"]
    assert (made["user"], made["dn"], made["site"], made["status"]) == ("ann", DN, ["T2_A", "T2_B"], "new")
    assert front.post("/data/request/pollcopy", None, {"item[]": [BIG]}).json()["data"] == [made]
    assert front.post("/data/request/cancelcopy", None, {"request_id": made["request_id"]}).status_code == 401
    answer = front.post("/registry/request/cancelcopy", ann, {"request_id": made["request_id"]})
    assert answer.json()["data"]["status"] == "cancelled"


def test_a_long_answer_comes_whole(front: Front, monkeypatch) -> None:
    for name in ("_ROWS", "_DATASETS", "_FIRST_DATASETS"):
        monkeypatch.setattr(replicas, name, 1)
    answer = front.get("/phedexdata/inventory/blockreplicas?dataset=/*")
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()["phedex"]
    assert [len(block["replica"]) for block in found["block"]] == [2, 1, 1, 2]
    assert found["request_url"].endswith("://localhost/phedexdata/inventory/blockreplicas?dataset=/*")
