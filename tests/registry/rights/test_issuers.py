"""Tokens of other institutions: a real issuer on this machine, with its keys, and all that must not be believed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from registry.errors import NotAuthenticated
from registry.identity import issuers
from registry.models import AuditRecord, TokenSubject

pytestmark = pytest.mark.django_db
AUDIENCE = "https://dynamo.example.org"


class Issuer:
    """Serves metadata and keys at an address of this machine; ``answers`` can be changed by a test."""

    def __init__(self) -> None:
        self.keys = {"rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP256R1())}
        self.calls: list[str] = []
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.calls.append(self.path)
                status, headers, body = issuer.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - as the base class calls it

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.reset()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        algorithms = {"rsa": jwt.algorithms.RSAAlgorithm, "ec": jwt.algorithms.ECAlgorithm}
        keys = [
            algorithms[name].to_jwk(key.public_key(), as_dict=True) | {"kid": name} for name, key in self.keys.items()
        ]
        self.answers = {
            "/.well-known/openid-configuration": (200, {}, _json(issuer=self.url, jwks_uri=f"{self.url}/keys")),
            "/keys": (200, {}, _json(keys=keys)),
        }
        self.calls.clear()

    def token(
        self,
        key: str = "ec",
        algorithm: str = "ES256",
        headers: dict | None = None,
        signed_by: Any = None,
        **claims: Any,
    ) -> str:
        now = int(time.time())
        told = {
            "iss": self.url,
            "sub": "ann-123",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 600,
            "scope": "dynamo",
            **claims,
        }
        told = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(told, signed_by or self.keys[key], algorithm, headers={"kid": key, **(headers or {})})


def _json(**values: Any) -> bytes:
    return json.dumps(values).encode()


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()


@pytest.fixture
def issuer(running: Issuer, settings) -> Issuer:
    running.reset()
    issuers.forget_keys()
    settings.TOKEN_ISSUERS, settings.TOKEN_AUDIENCES, settings.TOKEN_KEY_HOSTS = [running.url], [AUDIENCE], []
    TokenSubject.objects.create(
        user=User.objects.create_user("ann"), issuer=running.url, subject="ann-123", service="wms"
    )
    return running


def whoami(token: str):
    return Client().get("/api/v1/whoami", headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize(("key", "algorithm"), [("ec", "ES256"), ("rsa", "RS256"), ("rsa", "PS384")])
def test_a_token_of_the_issuer_is_its_user(issuer: Issuer, key: str, algorithm: str) -> None:
    answer = whoami(issuer.token(key, algorithm))
    assert (answer.status_code, answer.json()["user"], answer.json()["service"]) == (200, "ann", "wms")
    whoami(issuer.token(key, algorithm))
    assert issuer.calls == ["/.well-known/openid-configuration", "/keys"]  # once, for both


def test_what_does_not_hold_is_refused(issuer: Issuer) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    public = (
        issuer.keys["ec"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    now = int(time.time())
    wrong = {
        "expired": issuer.token(exp=now - 60), "not yet": issuer.token(nbf=now + 600), "no end": issuer.token(exp=None),
        "other audience": issuer.token(aud="https://other.example.org"), "no audience": issuer.token(aud=None),
        "no subject": issuer.token(sub=None), "stranger's key": issuer.token(signed_by=stranger),
        "unknown key": issuer.token(headers={"kid": "other"}), "other subject": issuer.token(sub="eve"),
        "other issuer": issuer.token(iss="https://evil.example"), "key of another kind": issuer.token(headers={"kid": "rsa"}),
        "no signature": jwt.encode({"iss": issuer.url, "sub": "ann-123", "aud": AUDIENCE, "exp": now + 60}, None, "none", headers={"kid": "ec"}),
        "public key as secret": _forged(issuer, public), "not one": "a.b.c", "long": "a." * 20_000 + "c",
    }  # fmt: skip
    for why, token in wrong.items():
        answer = whoami(token)
        assert answer.status_code == 401, why
        assert answer.json()["type"] == "/api/v1/problems/not-authenticated", why


def _forged(issuer: Issuer, public: bytes) -> str:
    """A token that is signed with the public key as if that were a shared secret."""
    import base64
    import hmac

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    claims = {"iss": issuer.url, "sub": "ann-123", "aud": AUDIENCE, "exp": int(time.time()) + 60}
    text = f"{part(_json(alg='HS256', kid='ec'))}.{part(_json(**claims))}"
    return f"{text}.{part(hmac.digest(public, text.encode(), 'sha256'))}"


def test_scopes_bound_what_may_be_changed(issuer: Issuer) -> None:
    path, body = "/data/detox/lock/unlock", {"item": "/a/b/c"}

    def change(**claims: Any) -> int:
        token = issuer.token(**claims)
        return Client().post(path, body, headers={"authorization": f"Bearer {token}"}).status_code

    assert (
        change(scope="dynamo")
        == change(scope="storage.read:/ dynamo.registry")
        == change(scope=["dynamo.registry"])
        == 200
    )
    assert change(scope="dynamo.registry:/") == 200
    assert change(scope="dynamo.registry:/data") == change(scope="dynamo:/data dynamo.detox") == 403
    assert change(scope="dynamo.read") == change(scope="") == change(scope=None) == change(scope="dynamo.detox") == 403
    assert (
        Client().get("/data/detox/lock/list", headers={"authorization": f"Bearer {issuer.token(scope='')}"}).status_code
        == 200
    )


def test_keys_are_fetched_from_the_issuer_only(issuer: Issuer, settings) -> None:
    for where in (
        "http://127.0.0.1:1/keys",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://u:p@127.0.0.1/",
    ):
        issuer.answers["/.well-known/openid-configuration"] = (200, {}, _json(issuer=issuer.url, jwks_uri=where))
        issuers.forget_keys()
        assert whoami(issuer.token()).status_code == 503
    issuer.reset()
    issuer.answers["/keys"] = (302, {"Location": "http://127.0.0.1:1/"}, b"")
    issuers.forget_keys()
    answer = whoami(issuer.token())
    assert (answer.status_code, "redirects are not followed" in answer.json()["detail"]) == (503, True)
    # What a token names itself is not even looked at.
    issuer.reset()
    issuers.forget_keys()
    assert (
        whoami(issuer.token(headers={"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/"})).status_code
        == 200
    )


def test_an_answer_without_end_is_cut(issuer: Issuer) -> None:
    issuer.answers["/keys"] = (200, {}, b'{"keys": [' + b" " * 2_000_000 + b"]}")
    assert "too much" in whoami(issuer.token()).json()["detail"]


def test_metadata_of_another_issuer_are_not_taken(issuer: Issuer) -> None:
    issuer.answers["/.well-known/openid-configuration"] = (
        200,
        {},
        _json(issuer="https://evil.example", jwks_uri=f"{issuer.url}/keys"),
    )
    assert whoami(issuer.token()).status_code == 503


def test_unknown_keys_do_not_have_us_ask_again_and_again(issuer: Issuer) -> None:
    for number in range(5):
        assert whoami(issuer.token(headers={"kid": f"made up {number}"})).status_code == 401
    assert issuer.calls.count("/keys") == 1


def test_who_has_a_known_key_does_not_wait_for_an_unknown_one(issuer: Issuer) -> None:
    good = issuer.token()
    assert whoami(good).status_code == 200
    asked, goes_on = threading.Event(), threading.Event()

    class Slow(dict):
        def get(self, *arguments: Any) -> Any:
            asked.set()
            goes_on.wait(4)
            return super().get(*arguments)

    issuer.answers = Slow(issuer.answers)
    issuers._KEYS[issuer.url].tried = float("-inf")
    refused: list[Exception] = []

    def unknown() -> None:
        try:
            issuers._key(issuer.url, "unknown")
        except NotAuthenticated as error:
            refused.append(error)

    stranger = threading.Thread(target=unknown)
    stranger.start()
    assert asked.wait(30)
    assert whoami(good).status_code == 200
    assert whoami(issuer.token(headers={"kid": "another"})).status_code == 503
    assert not goes_on.is_set() and stranger.is_alive()
    goes_on.set()
    stranger.join()
    assert len(refused) == 1


def test_known_keys_hold_while_the_issuer_is_away(issuer: Issuer) -> None:
    assert whoami(issuer.token()).status_code == 200
    issuer.answers.clear()
    issuers._KEYS[issuer.url].read = issuers._KEYS[issuer.url].tried = float("-inf")
    assert whoami(issuer.token()).status_code == 200


def test_changes_are_on_record_as_by_such_a_token(issuer: Issuer) -> None:
    answer = Client().post(
        "/api/v1/locks",
        {"item": "/a/b/c", "expires": (timezone.now() + timedelta(days=1)).isoformat()},
        content_type="application/json",
        headers={"authorization": f"Bearer {issuer.token()}"},
    )
    assert answer.status_code == 201
    assert AuditRecord.objects.get(action="lock.set").method == "jwt"
