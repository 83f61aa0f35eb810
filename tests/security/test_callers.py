"""What callers may try: headers that lie, numbers of others' things, fields that are not theirs to set, tokens that are too weak."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from registry import rights, tokens
from registry.identity import devices
from registry.models import ApiToken, AuditRecord, CopyRequest, DetoxLock, DeviceLogin, UserDN

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]


def bearer(user: User, **more: object) -> dict[str, str]:
    return {"authorization": f"Bearer {tokens.create(user, **more)[1]}"}


@pytest.fixture
def ann() -> User:
    user = User.objects.create_user("ann")
    UserDN.objects.create(user=user, dn="/DC=org/CN=Ann")
    return user


@pytest.fixture
def eve() -> User:
    return User.objects.create_user("eve")


LIES = [
    {"x-ssl-client-verify": "SUCCESS", "x-ssl-client-dn": "CN=Ann,DC=org"},
    {"ssl-client-s-dn": "CN=Ann,DC=org", "ssl-client-verify": "SUCCESS"},
    {"remote-user": "ann"}, {"x-remote-user": "ann"}, {"x-forwarded-user": "ann"}, {"authorization": "Basic YW5uOmFubg=="},
    {"authorization": "Bearer "}, {"authorization": "Bearer dynamo_"}, {"authorization": "Bearer null"},
]  # fmt: skip


@pytest.mark.parametrize("headers", LIES)
def test_headers_alone_make_nobody_known(ann: User, headers: dict[str, str]) -> None:
    assert Client().get("/api/v1/whoami", headers=headers).status_code == 401
    assert Client().post("/data/detox/lock/unlock", {"item": "/a/b/c"}, headers=headers).status_code == 401


def test_an_address_that_a_client_tells_is_not_noted(ann: User) -> None:
    headers = bearer(ann) | {
        "x-forwarded-for": "198.51.100.1",
        "x-real-ip": "198.51.100.1",
        "forwarded": "for=198.51.100.1",
    }
    Client().post("/api/v1/tokens", {"days": 1}, content_type="application/json", headers=headers)
    assert AuditRecord.objects.get(action="token.make").address == "127.0.0.1"


def test_of_several_forwarded_addresses_the_one_that_our_server_added_counts(ann: User, settings) -> None:
    settings.PROXY_ADDRESSES = ["127.0.0.1"]
    headers = bearer(ann) | {"x-forwarded-for": "198.51.100.1, 192.0.2.5"}
    Client().post("/api/v1/tokens", {"days": 1}, content_type="application/json", headers=headers)
    assert AuditRecord.objects.get(action="token.make").address == "192.0.2.5"


@pytest.mark.parametrize(
    ("change", "why"),
    [({"revoked": timezone.now()}, "revoked"), ({"expires": timezone.now() - timedelta(seconds=1)}, "expired")],
)
def test_a_token_that_is_over_is_refused(ann: User, change: dict, why: str) -> None:
    headers = bearer(ann)
    ApiToken.objects.update(**change)
    answer = Client().get("/api/v1/whoami", headers=headers)
    assert (answer.status_code, why in answer.json()["detail"]) == (401, True)


def test_a_user_who_left_is_not_known_any_more(ann: User) -> None:
    headers = bearer(ann)
    User.objects.update(is_active=False)
    assert Client().get("/api/v1/whoami", headers=headers).status_code == 401


def test_a_limited_token_stays_limited(ann: User) -> None:
    rights.grant(ann, "admin", "registry")
    limited = bearer(ann, scopes=["detox"])
    for path, body in (("rights", {"user": "ann", "role": "admin", "target": "registry"}), ("tokens", {"days": 1})):
        answer = Client().post(f"/api/v1/{path}", body, content_type="application/json", headers=limited)
        assert answer.status_code == 403, path
    own = bearer(ann, scopes=["registry"])
    made = Client().post("/api/v1/tokens", {"days": 1}, content_type="application/json", headers=own)
    if made.status_code == 201:
        assert ApiToken.objects.get(pk=made.json()["id"]).scopes == ["registry"]
    assert Client().get("/admin/", headers=own).status_code == 403
    assert Client().post("/account/", {"days": 1}, headers=own).status_code in (400, 403)
    assert not ApiToken.objects.filter(scopes=None).exists()


def test_a_token_with_an_end_leads_to_none_without(ann: User) -> None:
    for_a_day = bearer(ann, days=1)
    assert Client().post("/account/", {"days": 90}, headers=for_a_day).status_code == 200
    Client().post("/api/v1/tokens", {"days": None}, content_type="application/json", headers=for_a_day)
    given, *made = ApiToken.objects.order_by("pk")
    assert len(made) == 2 and all(token.expires - given.expires < timedelta(seconds=1) for token in made)
    code = devices.begin("a program", "192.0.2.1").code
    assert Client().post("/device/", {"code": code, "decision": "approve"}, headers=for_a_day).status_code == 400
    assert not DeviceLogin.objects.exclude(user=None).exists()


def test_others_tokens_are_as_if_they_were_not(ann: User, eve: User) -> None:
    row, _ = tokens.create(ann)
    for call in (Client().get, Client().delete):
        answer = call(f"/api/v1/tokens/{row.pk}", headers=bearer(eve))
        missing = call("/api/v1/tokens/987654", headers=bearer(eve))
        assert (answer.status_code, missing.status_code) == (404, 404)
    row.refresh_from_db()
    assert row.revoked is None


def test_others_requests_and_locks_are_left_alone(ann: User, eve: User) -> None:
    now = timezone.now()
    request = CopyRequest.objects.create(user="ann", first_asked=now, last_asked=now)
    lock = DetoxLock.objects.create(user="ann", item="/a/b/c", locked=now, expires=now + timedelta(days=1))
    headers = bearer(eve)
    assert Client().post("/data/request/cancelcopy", {"request_id": request.pk}, headers=headers).status_code == 403
    assert Client().post(f"/api/v1/copy-requests/{request.pk}/cancel", headers=headers).status_code == 403
    assert (
        Client()
        .post(f"/api/v1/copy-requests/{request.pk}/approve", {}, content_type="application/json", headers=headers)
        .status_code
        == 403
    )
    assert Client().post("/data/detox/lock/unlock", {"lockid": lock.pk}, headers=headers).status_code == 403
    assert Client().post(f"/api/v1/locks/{lock.pk}/release", headers=headers).status_code == 403
    request.refresh_from_db()
    lock.refresh_from_db()
    assert (request.status, lock.unlocked) == ("new", None)


MORE = {
    "user": "ann",
    "id": 1,
    "status": "completed",
    "service": "x",
    "is_superuser": True,
    "approval_rule": "",
    "decided_by": "ann",
}


@pytest.mark.parametrize("name", sorted(MORE))
def test_fields_that_are_not_the_callers_to_set_are_refused(filled, eve: User, name: str) -> None:
    body = {"items": ["/A/a-v1/RAW"], "sites": ["T2_A"], "group": "DataOps", name: MORE[name]}
    answer = Client().post("/api/v1/copy-requests", body, content_type="application/json", headers=bearer(eve))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    classic = Client().post("/data/request/copy", {"item": "/A/a-v1/RAW", name: str(MORE[name])}, headers=bearer(eve))
    # The classic name of a filter of other calls is none here.
    assert classic.status_code == 400
    assert not CopyRequest.objects.exists()


def test_a_token_is_made_for_oneself_only(ann: User, eve: User) -> None:
    body = {"days": 1, "user": "ann"}
    assert (
        Client().post("/api/v1/tokens", body, content_type="application/json", headers=bearer(eve)).status_code == 400
    )
    browser = Client()
    browser.force_login(eve)
    browser.post("/account/", {"days": 1, "service": "", "user": ann.pk, "user_id": ann.pk})
    assert not ApiToken.objects.filter(user=ann).exists()


SECRETS = {"secret", "password", "METRICS_TOKEN", "PROXY_SECRET", "WEBHOOK_SECRET", "INVENTORY_TOKEN", "SECRET_KEY"}


def test_secrets_are_compared_in_constant_time_or_as_hashes() -> None:
    """No ``==`` has a secret on one of its sides: it ends at the first character that is different."""
    found = []
    for folder in ("registry", "dynamo_site", "scheduler", "inventory"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                    sides = {getattr(side, "id", getattr(side, "attr", "")) for side in (node.left, *node.comparators)}
                    found += [f"{path.relative_to(ROOT)}:{node.lineno}" for _ in sides & SECRETS]
    assert found == []


def test_tokens_are_looked_up_by_their_hash_and_kept_as_nothing_else(ann: User) -> None:
    row, secret = tokens.create(ann)
    kept = str(ApiToken.objects.filter(pk=row.pk).values().get())
    assert secret not in kept and secret.removeprefix(tokens.PREFIX) not in kept
    assert len(secret) >= 43
