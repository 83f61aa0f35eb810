"""What all operations of ``/api/v1/`` have: problems, bounded bodies, idempotency keys, limits, and CSRF for sessions."""

from __future__ import annotations

import gzip
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from inventory.models import TunedSetting
from registry import tokens
from registry.answer_models import KeptAnswer
from registry.api import idempotency, throttling
from registry.models import DetoxLock
from registry.tasks import archive_requests
from scheduler.connection import connect
from tests.registry.api.writing.conftest import Caller, fields_of, problem

LOCK = {"item": "/Big/Run-v1/RAW", "expires": "2035-01-31T12:00:00Z"}


def test_an_address_that_nothing_has_is_a_problem(nobody):
    problem(nobody.get("no-such-thing"), 404, "not-found")
    problem(nobody.client.get("/api/v2/copy-requests"), 404, "not-found")
    problem(nobody.client.get("/api"), 404, "not-found")


def test_a_host_that_is_not_ours_is_a_problem(nobody):
    problem(nobody.get("locks", host="evil.example.org"), 400, "malformed")


def test_a_method_that_there_is_not_is_a_problem_that_lists_those_there_are(ann):
    answer = ann.send("DELETE", "copy-requests")
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(answer["Allow"].split(", "))
    problem(ann.send("OPTIONS", "copy-requests"), 405, "method-not-allowed")


def test_a_form_is_no_body(ann):
    problem(ann.send("POST", "locks", "item=x", "application/x-www-form-urlencoded"), 415, "unsupported-media-type")
    problem(ann.send("POST", "locks", LOCK, content_encoding="br"), 415, "unsupported-media-type")


@pytest.mark.parametrize("body", ["{", "", "nan", '{"item": NaN}', '{"item": 1, "item": 2}', b"\xff", "[" * 100_000])
def test_what_is_no_json_is_malformed(ann, body):
    answer = ann.send("POST", "locks", body)
    assert answer.status_code == 400
    assert answer.json()["type"].rpartition("/")[2] in ("malformed", "invalid")


def test_what_is_nested_too_deeply_is_malformed(ann):
    problem(ann.send("POST", "locks", "[" * 40 + "]" * 40), 400, "malformed")


def test_a_body_too_large_is_refused(ann):
    problem(ann.send("POST", "copy-requests", b" " * (1024 * 1024 + 1)), 413, "too-large")
    bomb = gzip.compress(b" " * (20 * 1024 * 1024))
    problem(ann.send("POST", "copy-requests", bomb, content_encoding="gzip"), 413, "too-large")


@pytest.mark.parametrize("body", [[], "text", 5, None, True])
def test_a_body_that_is_no_object_is_invalid(ann, body):
    import json

    problem(ann.send("POST", "locks", json.dumps(body)), 400, "invalid")


def test_unknown_parameters_are_named(ann):
    assert fields_of(problem(ann.get("whoami", {"colour": "red"}), 400, "invalid")) == ["colour"]
    assert fields_of(problem(ann.get("locks", {"colour": "red"}), 400, "invalid")) == ["colour"]


def test_a_format_that_there_is_not_is_not_acceptable(ann):
    problem(ann.get("locks", accept="image/png"), 406, "not-acceptable")
    problem(ann.get("whoami", accept="text/csv"), 406, "not-acceptable")


def test_a_token_that_does_not_hold_is_not_authenticated(nobody):
    nobody.headers = {"authorization": "Bearer dynamo_nonsense"}
    problem(nobody.get("locks"), 401, "not-authenticated")


def test_lists_come_in_other_formats_too(ann):
    ann.post("locks", {**LOCK, "comment": "=HYPERLINK(1)"})
    text = ann.get("locks", {"fields": "item,comment"}, accept="text/csv").getvalue().decode()
    assert text == "item,comment\r\n/Big/Run-v1/RAW,'=HYPERLINK(1)\r\n"
    line = ann.get("locks", {"fields": "item", "format": "ndjson"}).getvalue()
    assert line == b'{"item":"/Big/Run-v1/RAW"}\n'


def test_every_kind_of_problem_is_explained_where_its_type_points(nobody):
    kinds = nobody.get("problems").json()
    for kind in kinds:
        assert nobody.client.get(kind["type"]).json() == kind
    problem(nobody.get("problems/none"), 404, "not-found")


def test_a_failure_of_the_server_is_a_problem_without_its_secrets(ann, monkeypatch):
    monkeypatch.setattr("registry.locks.set_locks", lambda *_: 1 / 0)
    ann.client.raise_request_exception = False
    told = problem(ann.post("locks", LOCK), 500, "failed")
    assert "ZeroDivision" not in str(told)


@pytest.mark.parametrize("path", ["deletion-requests/preview", "copy-requests/preview", "policies/check"])
def test_credentials_that_only_read_ask_what_would_be(ann, filled, path):
    """They are POSTs as what is asked is long; nothing is changed."""
    ann.headers = {"authorization": f"Bearer {tokens.create(ann.user, scopes=[])[1]}"}
    body = {"text": "x"} if path == "policies/check" else {"items": ["/Big/Run-v1/RAW"], "sites": ["T2_A"]}
    if path == "copy-requests/preview":
        body["group"] = "AnalysisOps"
    assert ann.post(path, body).status_code == 200
    problem(ann.post("locks", LOCK), 403, "denied")


class TestIdempotencyKeys:
    def test_the_same_again_gets_the_same_answer_and_does_nothing(self, ann):
        first, second = (ann.post("locks", LOCK, idempotency_key="k1") for _ in range(2))
        assert (first.status_code, second.status_code) == (201, 201)
        assert second.json() == first.json()
        assert second["Location"] == first["Location"]
        assert second["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first

    def test_a_thing_that_would_be_made_twice_is_made_once(self, ann):
        numbers = {ann.post("tokens", {"service": "x"}, idempotency_key="k").json()["id"] for _ in range(3)}
        assert len(numbers) == 1
        assert ann.user.api_tokens.filter(service="x").count() == 1

    def test_another_request_with_the_key_is_refused(self, ann):
        ann.post("locks", LOCK, idempotency_key="k")
        problem(ann.post("locks", {**LOCK, "comment": "other"}, idempotency_key="k"), 422, "key-reused")
        problem(ann.post("copy-requests", LOCK, idempotency_key="k"), 422, "key-reused")

    def test_keys_of_users_are_their_own(self, ann, bob):
        first, second = (caller.post("locks", LOCK, idempotency_key="k").json() for caller in (ann, bob))
        assert first["id"] != second["id"]

    def test_after_an_error_the_key_is_free(self, ann):
        problem(ann.post("locks", {**LOCK, "expires": "2001-01-01T00:00:00Z"}, idempotency_key="k"), 400, "refused")
        assert ann.post("locks", LOCK, idempotency_key="k").status_code == 201

    def test_an_answer_expires(self, ann):
        first = ann.post("tokens", {"service": "x"}, idempotency_key="k").json()
        KeptAnswer.objects.update(begun=timezone.now() - timedelta(hours=25))
        assert ann.post("tokens", {"service": "x"}, idempotency_key="k").json()["id"] != first["id"]
        assert KeptAnswer.objects.count() == 1

    def test_answers_of_users_who_went_away_are_forgotten_too(self, ann):
        for number in range(3):
            ann.post("tokens", {}, idempotency_key=f"k{number}")
        KeptAnswer.objects.filter(user="ann").update(user="gone", begun=timezone.now() - timedelta(hours=25))
        ann.post("tokens", {}, idempotency_key="new")
        archive_requests()
        assert list(KeptAnswer.objects.values_list("user", flat=True)) == ["ann"]

    def test_while_it_is_answered_another_call_is_told_so(self, ann):
        ann.post("locks", LOCK, idempotency_key="k")
        KeptAnswer.objects.update(status=None)
        answer = ann.post("locks", LOCK, idempotency_key="k")
        problem(answer, 409, "conflict")
        assert int(answer["Retry-After"]) > 0

    def test_what_died_on_the_way_is_taken_over(self, ann):
        ann.post("locks", LOCK, idempotency_key="k")
        KeptAnswer.objects.update(status=None, begun=timezone.now() - timedelta(minutes=5))
        assert ann.post("locks", LOCK, idempotency_key="k").status_code == 201
        assert KeptAnswer.objects.get().attempt == 2

    def test_change_and_answer_are_there_together_or_not_at_all(self, ann, monkeypatch):
        def die(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(idempotency, "_stored", die)
        with pytest.raises(KeyboardInterrupt):
            ann.post("locks", LOCK, idempotency_key="k")
        assert not DetoxLock.objects.exists()

    def test_a_call_that_changes_nothing_keeps_nothing(self, ann, filled):
        asked = {"items": ["/Big/Run-v1/RAW"], "sites": ["T2_A"]}
        for path, body in (("deletion-requests/preview", asked), ("policies/check", {"text": "nonsense"})):
            answers = [ann.post(path, body, idempotency_key="k") for _ in range(2)]
            assert [answer.status_code for answer in answers] == [200, 200], answers[0].content
            assert "Idempotency-Replayed" not in answers[1]
        assert not KeptAnswer.objects.exists()

    def test_a_body_that_was_not_seen_is_not_kept_as_empty(self, ann, monkeypatch):
        monkeypatch.setattr("registry.api.writing.Call.made", lambda *_, **__: HttpResponse(b"whole", status=201))
        with pytest.raises(TypeError, match="cannot be kept"):
            ann.post("locks", LOCK, idempotency_key="k")
        assert not KeptAnswer.objects.exists()
        assert not DetoxLock.objects.exists()

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ä"])
    def test_a_key_has_a_form(self, ann, key):
        assert fields_of(problem(ann.post("locks", LOCK, idempotency_key=key), 400, "invalid")) == ["Idempotency-Key"]


@pytest.mark.django_db(transaction=True)
def test_the_same_at_the_same_instant_is_carried_out_once():
    caller = Caller(User.objects.create_user("ann"))
    answers: list[int] = []
    ready = threading.Barrier(4)

    def call() -> None:
        mine = Caller()
        mine.headers = caller.headers
        ready.wait(30)
        answers.append(mine.post("tokens", {"service": "once"}, idempotency_key="k").status_code)
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 201 in answers
    assert set(answers) <= {201, 409}
    assert caller.user.api_tokens.filter(service="once").count() == 1


class TestLimits:
    @pytest.fixture(autouse=True)
    def _limited(self, db, redis_url):
        TunedSetting.objects.create(component="registry", name="calls_per_minute", value=3)
        throttling.forget()
        # Users of other tests had the same numbers.
        for key in connect().scan_iter("dynamo:calls:*"):
            connect().delete(key)

    def test_a_user_who_calls_too_often_is_told_when_to_go_on(self, ann, bob):
        answers = [ann.get("whoami") for _ in range(8)]
        left = [int(answer["X-RateLimit-Remaining"]) for answer in answers]
        assert left[:3] == [2, 1, 0]
        assert answers[0]["X-RateLimit-Limit"] == "3"
        refused = [answer for answer in answers if answer.status_code == 429]
        # A new minute may have begun in between.
        assert len(refused) >= 2
        problem(refused[0], 429, "too-many-calls")
        assert 0 < int(refused[0]["Retry-After"]) <= 60
        assert bob.get("whoami").status_code == 200

    def test_addresses_that_nobody_is_known_at_are_counted_each(self, nobody, settings):
        """Behind nginx all of them come by its own address."""
        settings.PROXY_ADDRESSES, settings.PROXY_SECRET = ["127.0.0.0/8"], ""
        TunedSetting.objects.update_or_create(
            component="registry", name="anonymous_calls_per_minute", defaults={"value": 3}
        )
        throttling.forget()
        for _ in range(8):
            nobody.get("locks", x_forwarded_for="192.0.2.1")
        assert nobody.get("locks", x_forwarded_for="192.0.2.2").status_code == 200

    def test_pages_and_the_classic_interface_are_counted_with_it(self, ann):
        browser = Client()
        browser.force_login(ann.user)
        for path in ("/account/", "/account/", "/account/", "/account/"):
            last = browser.get(path)
        # A new minute may have begun in between.
        refused = last if last.status_code == 429 else [browser.get("/account/") for _ in range(4)][-1]
        assert refused.status_code == 429 and 0 < int(refused["Retry-After"]) <= 60
        assert ann.get("whoami").status_code == 429
        assert browser.get("/healthz").status_code in (200, 503)
        TunedSetting.objects.create(component="registry", name="anonymous_calls_per_minute", value=3)
        throttling.forget()
        answers = [Client().get("/data/inventory/unknown") for _ in range(8)]
        assert answers[0].status_code != 429 and answers[-1].status_code == 429
        assert answers[-1].json()["result"] == "Too Many Requests"

    def test_no_limit_is_no_limit(self, ann):
        TunedSetting.objects.update(value=0)
        throttling.forget()
        assert {ann.get("whoami").status_code for _ in range(8)} == {200}
        assert "X-RateLimit-Limit" not in ann.get("whoami")


class TestSessions:
    @pytest.fixture
    def browser(self, ann):
        client = Client(enforce_csrf_checks=True)
        client.force_login(ann.user)
        return client

    def test_a_foreign_page_changes_nothing(self, browser):
        answer = browser.post("/api/v1/locks", LOCK, content_type="application/json")
        assert "CSRF" in problem(answer, 403, "denied")["detail"]
        assert not DetoxLock.objects.exists()

    def test_with_the_token_of_the_page_it_is_a_call_like_others(self, browser):
        assert browser.get("/api/v1/docs").status_code == 200
        secret = browser.cookies["csrftoken"].value
        made = browser.post("/api/v1/locks", LOCK, content_type="application/json", headers={"x-csrftoken": secret})
        assert made.status_code == 201
        assert browser.get("/api/v1/whoami").json()["user"] == "ann"
