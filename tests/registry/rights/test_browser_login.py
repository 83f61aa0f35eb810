"""Logging in by an OpenID Connect provider, and with a second factor."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from registry.models import AuditRecord, TokenSubject
from tests.registry.rights.test_issuers import Issuer, _json

allauth = pytest.importorskip("allauth", reason="the extra login is not installed")
pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password="first-Secret")


def log_in(client: Client, **more: str):
    return client.post("/login/", {"username": "ann", "password": "first-Secret", **more})


def known(client: Client) -> bool:
    return client.get("/api/v1/whoami").status_code == 200


def code_of(secret: str) -> str:
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_who_has_a_second_factor_is_asked_for_it(ann: User) -> None:
    client = Client()
    assert log_in(client)["Location"] == "/"
    asked = client.get("/login/factor/totp/activate/")
    if asked.status_code == 302:  # for the password once more
        client.post(asked["Location"], {"password": "first-Secret"})
    page = client.get("/login/factor/totp/activate/").content.decode()
    secret = re.search(r'"([A-Z2-7]{16,64})"', page)[1]
    answer = client.post("/login/factor/totp/activate/", {"code": code_of(secret)})
    assert answer.status_code == 302, answer.content.decode()
    second = Client()
    asked = log_in(second, next="/account/")
    assert asked["Location"].startswith("/login/factor/authenticate/")
    assert not known(second)
    assert second.post("/login/factor/authenticate/", {"code": "000000"}).status_code == 200
    assert not known(second)
    from django.core.cache import cache

    cache.clear()  # a code counts once; the next one is half a minute away
    assert second.post("/login/factor/authenticate/", {"code": code_of(secret)})["Location"] == "/account/"
    assert known(second)


GUESS = """
import django
django.setup()
from django.contrib.auth.models import User
from django.test import Client
ann = User.objects.get()
ann.set_password("first-Secret")  # tests hash in a way of their own
ann.save()
client = Client(REMOTE_ADDR="192.0.2.9")
client.post("/login/", {"username": "ann", "password": "first-Secret"})
for _ in range(4):
    seen = client.post("/login/factor/authenticate/", {"code": "000000"}).content.decode()
print("waits" if "Too many failed attempts" in seen else "guesses")
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_guesses_of_a_second_factor_are_counted_for_all_processes_together(ann: User, child_environment) -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(ann, "JBSWY3DPEHPK3PXP")
    environment = child_environment(DYNAMO_ALLOWED_HOSTS="testserver")
    told = [
        subprocess.run([sys.executable, "-c", GUESS], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]  # fmt: skip
    assert [each.stdout.split()[-1] for each in told] == ["guesses", "waits"], told[1].stderr


def test_a_code_counts_once_in_all_processes(ann: User) -> None:
    from allauth.mfa.totp.internal.auth import TOTP
    from django.core.cache import cache

    TOTP.activate(ann, "JBSWY3DPEHPK3PXP")
    code = code_of("JBSWY3DPEHPK3PXP")
    for wanted in (302, 200):
        client = Client()
        log_in(client)
        assert client.post("/login/factor/authenticate/", {"code": code}).status_code == wanted
    assert "Database" in type(cache._connections[cache._alias]).__name__


def test_the_password_asked_for_once_more_cannot_be_guessed(ann: User) -> None:
    client = Client()
    log_in(client)
    pages = [client.post("/login/reauthenticate/", {"password": f"guess {n}"}).content.decode() for n in range(6)]
    assert "Too many failed attempts" in pages[-1] and "Too many failed attempts" not in pages[0]
    assert client.post("/login/reauthenticate/", {"password": "first-Secret"}).status_code == 200


def test_nobody_signs_up(db) -> None:
    client = Client()
    form = {"username": "eve", "password1": "a-Long-Secret-1", "password2": "a-Long-Secret-1"}
    client.post("/login/closed/", form)
    client.post("/login/provider/signup/", form)
    assert not User.objects.exists()


@pytest.fixture(scope="module")
def running():
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()


@pytest.fixture
def provider(running: Issuer, settings) -> Issuer:
    running.reset()
    settings.OIDC_ISSUER, settings.OIDC_NAME = running.url, "The Institute"
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [{
        "provider_id": "oidc", "name": "The Institute", "client_id": "dynamo", "secret": "s3cret",
        "settings": {"server_url": running.url, "oauth_pkce_enabled": True},
    }]}}  # fmt: skip
    running.answers["/.well-known/openid-configuration"] = (200, {"Content-Type": "application/json"}, _json(
        issuer=running.url, jwks_uri=f"{running.url}/keys", authorization_endpoint=f"{running.url}/authorize",
        token_endpoint=f"{running.url}/token", userinfo_endpoint=f"{running.url}/userinfo",
    ))  # fmt: skip
    return running


def by_provider(client: Client, provider: Issuer, subject: str):
    """Go to the provider, as whom it knows as ``subject``, and back."""
    page = client.get("/login/?next=/account/")
    assert "Log in by The Institute" in page.content.decode()
    assert provider.url in page["Content-Security-Policy"]
    there = urlsplit(client.post("/login/oidc/oidc/login/?next=/account/")["Location"])
    asked = parse_qs(there.query)
    assert (f"{there.scheme}://{there.netloc}", asked["client_id"], "code_challenge" in asked) == (
        provider.url,
        ["dynamo"],
        True,
    )
    now = int(time.time())
    claims = {"iss": provider.url, "sub": subject, "aud": "dynamo", "iat": now, "exp": now + 60}
    if "nonce" in asked:
        claims["nonce"] = asked["nonce"][0]
    token = jwt.encode(claims, provider.keys["rsa"], "RS256", headers={"kid": "rsa"})
    kind = {"Content-Type": "application/json"}
    provider.answers["/token"] = (200, kind, _json(access_token="x", token_type="Bearer", id_token=token))
    provider.answers["/userinfo"] = (200, kind, _json(sub=subject))
    return client.get("/login/oidc/oidc/login/callback/", {"code": "c", "state": asked["state"][0]})


def test_a_known_subject_of_the_provider_is_logged_in(ann: User, provider: Issuer) -> None:
    TokenSubject.objects.create(user=ann, issuer=provider.url, subject="ann-123")
    client = Client()
    assert by_provider(client, provider, "ann-123")["Location"] == "/account/"
    assert client.get("/api/v1/whoami").json()["user"] == "ann"
    assert AuditRecord.objects.filter(action="login", user="ann").exists()
    # Whom the administrator names now counts, not who it was at the first login.
    TokenSubject.objects.update(user=User.objects.create_user("ben"))
    other = Client()
    by_provider(other, provider, "ann-123")
    assert other.get("/api/v1/whoami").json()["user"] == "ben"


def test_whom_nobody_knows_is_not_let_in(ann: User, provider: Issuer) -> None:
    client = Client()
    answer = by_provider(client, provider, "eve")
    assert answer["Location"] == "/login/"
    assert not known(client)
    assert User.objects.count() == 1


def test_an_answer_that_was_not_asked_for_is_not_taken(ann: User, provider: Issuer) -> None:
    TokenSubject.objects.create(user=ann, issuer=provider.url, subject="ann-123")
    client = Client()
    client.get("/login/oidc/oidc/login/callback/", {"code": "c", "state": "made up"})
    assert not known(client)


def test_the_pages_are_ours(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for path in ("/login/factor/", "/login/reauthenticate/", "/login/closed/", "/login/provider/login/cancelled/"):
        answer = client.get(path)
        assert answer.status_code in (200, 302), path
        if answer.status_code == 200:
            assert 'class="top' in answer.content.decode()


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "registry", check=True, dry_run=True)
