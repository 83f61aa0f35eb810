"""Client certificates and proxies through a real nginx, configured as the documentation has it."""

from __future__ import annotations

import shutil
import socket
import ssl
from contextlib import ExitStack

import httpx
import pytest
from django.contrib.auth.models import User

from registry.models import AuditRecord, UserDN
from tests.registry.rights import authority
from tests.registry.rights.authority import CN, DC, SECRET, Front, Holder

pytestmark = [pytest.mark.slow, pytest.mark.services, pytest.mark.django_db(transaction=True)]
NAME = [(DC, "org"), (DC, "example"), (CN, "Ann Müller")]
DN = "/DC=org/DC=example/CN=Ann Müller"
_AT_ONCE = 20  # connections of an address, as docs/examples/nginx.conf has it


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
def front(running: Front, settings) -> Front:
    settings.PROXY_ADDRESSES, settings.PROXY_SECRET = ["127.0.0.0/8"], SECRET
    settings.ALLOWED_HOSTS = ["localhost"]
    UserDN.objects.create(user=User.objects.create_user("ann", password="secret"), dn=DN)
    return running


def whoami(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["user"]


def test_a_user_is_known_by_certificate_proxy_and_proxies_of_it(front: Front, known: Holder) -> None:
    ann = authority.user(known, NAME)
    first = authority.proxy(ann)
    for holder in (ann, first, authority.proxy(first, "89"), authority.proxy(authority.proxy(first, "90"), "91")):
        assert whoami(front.get("/api/v1/whoami", holder)) == "ann"


def test_certificates_that_do_not_hold_are_refused(front: Front, known: Holder) -> None:
    stranger = authority.authority("Known Authority")  # of the same name
    ann = authority.user(known, NAME)
    wrong = [
        authority.user(stranger, NAME), authority.user(known, NAME, ended=True), authority.proxy(ann, ended=True),
        authority.proxy(authority.user(stranger, NAME)), authority.proxy(ann, honest=False),
    ]  # fmt: skip
    for holder in wrong:
        assert front.get("/api/v1/whoami", holder).status_code == 400
    assert front.get("/api/v1/whoami").status_code == 401


def test_a_certificate_that_nobody_has_is_named(front: Front, known: Holder) -> None:
    answer = front.get("/api/v1/whoami", authority.user(known, [(DC, "org"), (CN, "Eve")]))
    assert (answer.status_code, "/DC=org/CN=Eve" in answer.json()["detail"]) == (401, True)
    # The proxy of somebody else is not Ann, whatever it calls itself.
    eve = authority.user(known, [(DC, "org"), (CN, "Eve")])
    assert front.get("/api/v1/whoami", authority.proxy(eve, "Ann Müller")).status_code in (400, 401)


def test_headers_of_clients_do_not_get_through(front: Front, known: Holder) -> None:
    lies = {"X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-DN": "CN=Ann Müller,DC=example,DC=org".encode().decode("latin-1"),
            "X-Forwarded-For": "192.0.2.99", "X-Dynamo-Proxy-Secret": SECRET}  # fmt: skip
    encoded = {name: value.encode("latin-1") for name, value in lies.items()}
    assert front.get("/api/v1/whoami", None, **encoded).status_code == 401
    eve = authority.user(known, [(DC, "org"), (CN, "Eve")])
    assert front.get("/api/v1/whoami", eve, **encoded).status_code == 401


def test_the_server_itself_believes_headers_of_nobody_else(front: Front, live_server, settings) -> None:
    headers = {"X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-DN": "CN=Ann Müller,DC=example,DC=org".encode()}
    answer = httpx.get(f"{live_server.url}/api/v1/whoami", headers=headers)
    assert answer.status_code == 401  # from the address, without the secret
    told = headers | {"X-Dynamo-Proxy-Secret": SECRET}
    assert httpx.get(f"{live_server.url}/api/v1/whoami", headers=told).json()["user"] == "ann"
    settings.PROXY_ADDRESSES = ["192.0.2.0/24"]
    assert httpx.get(f"{live_server.url}/api/v1/whoami", headers=told).status_code == 401


def test_programs_change_things_and_pages_behind_a_browser_do_not(front: Front, known: Holder) -> None:
    ann = authority.user(known, NAME)
    path, data = "/data/detox/lock/unlock", {"item": "/a/b/c"}
    assert front.post(path, ann, data).status_code == 200
    for told in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"User-Agent": "Mozilla/5.0"}):
        answer = front.post(path, ann, data, **told)
        assert (answer.status_code, "CSRF" in answer.text) == (403, True)
        assert front.get(f"{path}?item=/a/b/c", ann, **told).status_code == 403


def test_one_address_has_so_many_connections_at_a_time(front: Front) -> None:
    """Each of a call whose body does not come; from the next one on there is no waiting."""
    context = ssl.create_default_context(cafile=str(front.trusted))
    slow = b"POST /data/detox/lock/list HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    port = int(front.url.rpartition(":")[2])
    with ExitStack() as opened:
        for _ in range(_AT_ONCE):
            raw = opened.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            opened.enter_context(context.wrap_socket(raw, server_hostname="localhost")).sendall(slow)
        # The last ones may not have been read yet.
        answers = [front.get("/healthz").status_code for _ in range(20)]
    assert answers[-1] == 429


def test_the_audit_log_has_the_address_of_the_client_and_how_it_is_known(front: Front, known: Holder) -> None:
    ann = authority.user(known, NAME)
    with front._client(ann) as client:
        made = client.post("/api/v1/tokens", json={"days": 1})
    assert made.status_code == 201, made.text
    row = AuditRecord.objects.get(action="token.make")
    assert (row.user, row.method, row.address) == ("ann", "certificate", "127.0.0.1")
