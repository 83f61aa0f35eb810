"""What comes in: bombs, paths that lead out, addresses that lead in, names that are scripts or formulas."""

from __future__ import annotations

import gzip
import json
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from inventory.changes import ChangeSet
from registry import audit, rights, tokens, webhooks
from registry.errors import Refused
from registry.models import AttributeSource, AuditRecord, CopyRequest, DetoxLock, DeviceLogin, Injection
from scheduler.models import ApplicationLock
from tests.security.test_every_address import path_of, walked

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> dict[str, str]:
    user = User.objects.create_user("adam")
    for target in rights.TARGETS:
        rights.grant(user, "admin", target)
    return {"authorization": f"Bearer {tokens.create(user)[1]}"}


def post(path: str, body: bytes, headers: dict[str, str], kind: str = "application/json"):
    began = time.monotonic()
    answer = Client(raise_request_exception=False).generic("POST", path, body, content_type=kind, headers=headers)
    # On any machine: a bomb takes minutes and gigabytes.
    assert time.monotonic() - began < 30
    return answer


DEEP = b"[" * 100_000 + b"]" * 100_000
BOMBS = {
    "deep list": DEEP,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "long number": b'{"days": ' + b"9" * 100_000 + b"}",
    "endless exponent": b'{"days": 1e999999999}',
    "not a number": b'{"days": NaN}',
    "a name twice": b'{"days": 1, "days": 2}',
    "not unicode": b'{"service": "\xff\xfe"}',
    "half a character": b'{"service": "\\ud800"}',
    "nul": b'{"service": "a\\u0000b"}',
}


@pytest.mark.parametrize(
    "path",
    ["/api/v1/tokens", "/api/v1/injections", "/data/inventory/inject", "/data/detox/lock/set", "/data/request/copy"],
)
@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_bodies_that_are_bombs_are_refused(inventory, admin, path: str, bomb: str) -> None:
    answer = post(path, BOMBS[bomb], admin)
    assert 400 <= answer.status_code < 500, answer.content[:200]
    assert not Injection.objects.exists()


@pytest.mark.parametrize("path", ["/api/v1/tokens", "/data/detox/lock/unlock", "/login/", "/account/"])
def test_compressed_bodies_are_bounded_or_not_taken(admin, path: str) -> None:
    packed = gzip.compress(b'{"service": "' + b"x" * 200_000_000 + b'"}')
    assert len(packed) < 1_000_000
    for encoding in ("gzip", "deflate", "zstd", "br"):
        answer = post(path, packed, admin | {"content-encoding": encoding})
        # Pages take it for what it is, no form, and show an empty one.
        assert 400 <= answer.status_code < 500 or (path.endswith("/") and answer.status_code == 200)


def test_forms_of_too_many_fields_are_refused(admin) -> None:
    body = "&".join(f"f{number}=" for number in range(20_000)).encode()
    for path in ("/data/detox/lock/unlock", "/login/"):
        assert post(path, body, admin, "application/x-www-form-urlencoded").status_code in (400, 403)


OUT = [
    "/store/../../etc/passwd",
    "/store/./x",
    "/store//x",
    "store/x",
    "/store/x\0",
    "/store/" + "x" * 2000,
    "/store/%2e%2e/x\n",
]


@pytest.mark.parametrize("lfn", OUT)
def test_file_names_that_lead_out_get_into_no_inventory(filled, admin, lfn: str) -> None:
    document = {
        "dataset": [
            {"name": "/New/Run-v1/RAW", "blocks": [{"name": "b1", "files": [{"name": lfn, "size": 1, "site": "T2_A"}]}]}
        ]
    }
    for path in ("/data/inventory/inject", "/api/v1/injections"):
        body = document if path.startswith("/data") else {"kind": "inject", "document": document}
        answer = post(path, json.dumps(body).encode(), admin)
        assert 400 <= answer.status_code < 500, answer.content
    assert not Injection.objects.exists()


@pytest.mark.parametrize("lfn", ["/store/../../../etc/passwd", "/store/%2e%2e/%2e%2e/etc/passwd\0", "../etc/passwd"])
def test_file_names_that_lead_out_become_no_address(filled, lfn: str) -> None:
    for answer in (
        Client().get("/data/inventory/lfn2pfn", {"node": "T2_A", "lfn": lfn, "protocol": "file"}),
        Client().get("/api/v1/lfn2pfn", {"site": "T2_A", "lfn": lfn, "protocol": "file"}),
    ):
        assert answer.status_code == 400, answer.content


@pytest.mark.parametrize(
    "name", ["..%2f..%2f..%2fetc%2fpasswd", "%2e%2e", "....//etc/passwd", "x%00.txt", "/etc/passwd"]
)
def test_names_in_addresses_open_no_other_file(filled, name: str) -> None:
    for path in (f"/consistency/1/{name}/", f"/api/v1/consistency/runs/1/lists/{name}", f"/policies/of/{name}/", f"/static/{name}",
                 f"/static/..%2f{name}", f"/api/v1/policies/{name}", f"/api/v1/sequences/{name}/file"):  # fmt: skip
        answer = Client(raise_request_exception=False).get(path)
        assert answer.status_code in (301, 400, 401, 403, 404), path
        assert b"root:" not in answer.content


INSIDE = ["http://169.254.169.254/latest/meta-data/", "http://localhost:6379/", "http://127.0.0.1/", "http://[::1]/", "file:///etc/passwd",
          "gopher://127.0.0.1/", "http://allowed.example@127.0.0.1/", "http://allowed.example.evil.example/", "http://0x7f000001/",
          "http://allowed.example\\@127.0.0.1/", "HTTP://2130706433/", "//127.0.0.1/", "http://allowed.example:6379/"]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_addresses_that_people_give_lead_to_named_hosts_only(url: str, settings) -> None:
    settings.WEBHOOK_HOSTS, settings.SOURCE_HOSTS = ["allowed.example:443"], ["allowed.example:443"]
    with pytest.raises(Refused):
        webhooks.check_address(url)
    chief = Client()
    chief.force_login(User.objects.create_superuser("chief"))
    chief.post("/admin/registry/attributesource/add/", {
        "name": "x", "kind": "http", "enabled": "on", "on_trouble": "keep", "configuration": json.dumps({"url": url, "columns": {"dataset": "name"}}),
    })  # fmt: skip
    assert not AttributeSource.objects.exists()
    chief.post("/admin/registry/approvalrule/add/", {"name": "x", "order": 1, "decision": "ask", "webhook": url})
    from registry.models import ApprovalRule

    assert not ApprovalRule.objects.exists()


SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def _everywhere(filled) -> None:
    """The name that is a script, wherever users choose names."""
    now, word = timezone.now(), SCRIPT
    user = User.objects.create_user("mallory", first_name=word[:150], email="x@example.org", last_name=word[:150])
    user.groups.add(Group.objects.create(name=f"x:{word}"[:150]))
    tokens.create(user, word)
    request = CopyRequest.objects.create(
        user=word[:150], service=word, group=word, reason=word, first_asked=now, last_asked=now, site_patterns=[word]
    )
    request.items.create(item=word)
    request.sites.create(site=word)
    DetoxLock.objects.create(
        user=word,
        service=word,
        item=word,
        sites=word,
        groups=word,
        comment=word,
        locked=now,
        expires=now + timedelta(days=1),
    )
    DeviceLogin.objects.create(
        digest="d", user_code="BCDFGHJK", client=word, address=word, created=now, expires=now + timedelta(days=1)
    )
    ApplicationLock.objects.create(application="detox", user=word[:100], service=word[:100], note=word, locked_at=now)
    audit.record(word, word, word, {"x": word}, {word: word})
    changes = ChangeSet("test", 1)
    changes.put("groups", [{"name": word, "level": "Dataset"}])
    changes.put(
        "sites",
        [{"name": word[:60], "host": word, "storage_type": "DISK", "backend": "file:///tmp/x", "status": "READY"}],
    )
    changes.put(
        "datasets", [{"name": f"/{word}/x/RAW".replace("</", "<|"), "status": "VALID", "software_version": word}]
    )
    filled.commit(changes)


@pytest.mark.slow
def test_names_that_are_scripts_are_text_on_every_page(filled, redis_url, caplog) -> None:
    caplog.set_level("CRITICAL")
    _everywhere(filled)
    chief = Client(raise_request_exception=False)
    chief.force_login(User.objects.create_superuser("chief"))
    first, asked = (
        CopyRequest.objects.get().pk,
        {
            "q": SCRIPT,
            "name": SCRIPT,
            "text": SCRIPT,
            "code": "BCDFGHJK",
            "user": SCRIPT,
            "dataset": SCRIPT,
            "site": SCRIPT,
        },
    )
    wrong, seen = [], 0
    for address in walked():
        if address.route.startswith(("data/", "api/", "^")):
            continue
        for path, given in ((path_of(address).replace("987654", str(first)), {}), (path_of(address), asked)):
            answer = chief.get(path, given)
            if not answer.get("Content-Type", "").startswith("text/html") or answer.streaming:
                continue
            page = answer.content.decode()
            seen += "&lt;script&gt;alert(1)" in page
            if answer.status_code >= 500 or "<script>alert(1)" in page or "<img src=x" in page:
                wrong.append(f"{path} {given and 'asked'}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert seen >= 8  # they were really there


def test_json_is_never_taken_for_a_page(filled) -> None:
    for path in (
        "/data/inventory/sites?site=<script>",
        "/api/v1/sites?name=<script>",
        "/data/<script>",
        "/api/v1/<script>",
    ):
        answer = Client().get(path)
        assert "json" in answer["Content-Type"] and answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_are_no_formulas(admin, sign: str) -> None:
    word = f'{sign}HYPERLINK("http://evil.example")'
    audit.record(word, word, word)
    audit_csv = Client()
    audit_csv.force_login(User.objects.create_superuser("chief"))
    page = b"".join(audit_csv.get("/audit/?format=csv")).decode()
    answer = Client().get("/api/v1/audit", headers=admin | {"accept": "text/csv"})
    rows = b"".join(answer).decode() if answer.streaming else answer.content.decode()
    assert answer.status_code == 200
    for text in (page, rows):
        assert "HYPERLINK" in text
        cells = [cell.strip('"') for line in text.splitlines() for cell in line.split(",")]
        assert not [cell for cell in cells if "HYPERLINK" in cell and cell.startswith(sign)]


def test_the_log_has_what_happened_and_no_secret(admin) -> None:
    Client().post("/api/v1/tokens", {"days": 1}, content_type="application/json", headers=admin)
    assert tokens.PREFIX not in str(list(AuditRecord.objects.values()))
