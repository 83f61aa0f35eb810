"""E-mails and webhooks get through, once, signed, only to hosts that are allowed, and again after a failure."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from registry import notices
from registry.errors import Refused
from registry.models import Notice
from registry.webhooks import SIGNATURE, check_address
from tests.registry.listeners import hooks, mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _real_mail(settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL = "127.0.0.1", "dynamo@example.org"


def due_again() -> None:
    Notice.objects.update(due=timezone.now() - timedelta(seconds=1))


def test_a_mail_is_sent_once(settings) -> None:
    with mailbox() as (port, mails):
        settings.EMAIL_PORT = port
        notices.write("Hello\nthere", "What is up", {}, ["olga@example.org"])
        assert (notices.send_due(), notices.send_due()) == (1, 0)
    assert "Subject: Hello there" in mails[0]
    assert "To: olga@example.org" in mails[0]
    assert "What is up" in mails[0]
    assert (len(mails), Notice.objects.get().state) == (1, "sent")


def test_a_webhook_gets_signed_json(settings) -> None:
    with hooks() as found:
        settings.WEBHOOK_HOSTS, settings.WEBHOOK_SECRET = [found.host], "secret"
        notices.write("Waits", "", {"event": "request.waiting", "id": 7}, webhooks=[found.url])
        assert notices.send_due() == 1
    assert json.loads(found.bodies[0]) == {"subject": "Waits", "event": "request.waiting", "id": 7}
    given = dict(part.split("=") for part in found.headers[0][SIGNATURE].split(","))
    expected = hmac.new(b"secret", given["t"].encode() + b"." + found.bodies[0], hashlib.sha256).hexdigest()
    assert given["v1"] == expected


def test_what_fails_is_tried_again_later_and_given_up_in_the_end(settings) -> None:
    from inventory.models import TunedSetting

    TunedSetting.objects.create(component="registry", name="notice_attempts", value=3)
    with hooks() as found:
        settings.WEBHOOK_HOSTS, found.status = [found.host], 500
        notices.write("Waits", "", {}, webhooks=[found.url])
        assert notices.send_due() == 0
        notice = Notice.objects.get()
        assert (notice.state, notice.attempts) == ("waiting", 1)
        assert "answers 500" in notice.error
        assert notice.due > timezone.now()
        assert notices.send_due() == 0  # not before it is due
        for _ in range(2):
            due_again()
            notices.send_due()
    assert (Notice.objects.get().state, len(found.bodies)) == ("given up", 3)


@pytest.mark.parametrize("url", ["http://127.0.0.1:x/", "http://127.0.0.1/\x01"])
def test_an_address_that_cannot_be_called_stops_no_other_notice(url: str, settings) -> None:
    with hooks() as found:
        settings.WEBHOOK_HOSTS = ["127.0.0.1"]
        notices.write("First", "", {}, webhooks=[url])
        notices.write("Second", "", {}, webhooks=[found.url])
        assert notices.send_due() == 1
    assert "is no address" in Notice.objects.get(address=url).error


def test_after_a_failure_it_gets_through(settings) -> None:
    with hooks() as found:
        settings.WEBHOOK_HOSTS, found.status = [found.host], 503
        notices.write("Waits", "", {}, webhooks=[found.url])
        notices.send_due()
        found.status = 200
        due_again()
        assert notices.send_due() == 1
    assert (Notice.objects.get().state, Notice.objects.get().error) == ("sent", "")


def test_a_redirect_is_not_followed(settings) -> None:
    with hooks() as inner, hooks() as outer:
        settings.WEBHOOK_HOSTS, outer.status, outer.location = [outer.host], 307, inner.url
        notices.write("Waits", "", {}, webhooks=[outer.url])
        assert notices.send_due() == 0
    assert (len(outer.bodies), inner.bodies) == (1, [])


def test_a_host_that_is_not_allowed_any_more_is_not_called(settings) -> None:
    with hooks() as found:
        settings.WEBHOOK_HOSTS = []
        notices.write("Waits", "", {}, webhooks=[found.url])
        assert notices.send_due() == 0
    assert found.bodies == []
    assert "DYNAMO_WEBHOOK_HOSTS" in Notice.objects.get().error


def test_without_a_mail_server_it_waits_and_says_so(settings) -> None:
    settings.EMAIL_HOST = ""
    notices.write("Hello", "", {}, ["olga@example.org"])
    assert notices.send_due() == 0
    assert "DYNAMO_EMAIL_HOST" in Notice.objects.get().error


@pytest.mark.parametrize("url", [
    "ftp://hooks.example.org/", "file:///etc/passwd", "https://hooks.example.org:8443/", "http://[::1", "//hooks.example.org/",
    "https://hooks.example.org.evil.example/", "https://user:word@hooks.example.org:443/", "http://127.0.0.1/",
    "https://hooks.example.org%2eevil.example/",
])  # fmt: skip
def test_addresses_that_are_not_called(settings, url) -> None:
    settings.WEBHOOK_HOSTS = ["hooks.example.org:443"]
    with pytest.raises(Refused):
        check_address(url)
