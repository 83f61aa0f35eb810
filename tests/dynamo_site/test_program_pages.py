"""Programs and sequences on pages: running one, who may end it, and taking in a file of sequences."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from registry import rights
from registry.audit_models import AuditRecord
from scheduler.models import Application, Sequence

pytestmark = pytest.mark.django_db
FILE = "{look} = /programs/look.py\n[SEQUENCE nightly] restart\n| {look} --deep\nWAIT 60 * 60\n"


@pytest.fixture
def homes(settings: Any, tmp_path: Any) -> None:
    settings.APPLICATION_DIR = tmp_path / "applications"


def _logged_in(name: str, *roles: str) -> Client:
    user, client = User.objects.create_user(name), Client()
    for role in roles:
        rights.grant(user, "operator", role)
    client.force_login(user)
    return client


@pytest.mark.usefixtures("homes", "empty_redis")
def test_a_program_is_submitted_followed_and_ended_by_its_author() -> None:
    ann, eve = _logged_in("ann"), _logged_in("eve")
    upload = SimpleUploadedFile("hello.py", b"print('hello')\n")
    answer = ann.post(
        reverse("applications"), {"upload": upload, "arguments": "--deep 'a b'", "level": "read", "hours": "0.5"}
    )
    made = Application.objects.get()
    assert answer.url == reverse("application", args=[made.pk])
    assert (made.title, made.arguments, made.limit, made.author) == ("hello.py", ["--deep", "a b"], 1800, "ann")
    page = ann.get(answer.url).content.decode()
    assert "It has written nothing yet" in page and "End it" in page and made.sha256 in page
    assert "End it" not in eve.get(answer.url).content.decode()
    assert eve.post(reverse("application-kill", args=[made.pk])).status_code == 403
    assert ann.post(reverse("application-kill", args=[made.pk])).status_code == 302
    made.refresh_from_db()
    assert made.state == "killed" and made.killed_by == "ann"
    assert "killed" in ann.get(reverse("application-log", args=[made.pk])).content.decode().lower()
    assert set(AuditRecord.objects.values_list("action", flat=True)) >= {"application.submit", "application.kill"}


@pytest.mark.usefixtures("homes", "empty_redis")
def test_what_cannot_run_is_refused_in_words() -> None:
    ann = _logged_in("ann")
    for given, words in (
        ({"level": "read"}, "give either a program"), ({"level": "read", "path": "/etc/passwd"}, "/etc/passwd"),
        ({"level": "read", "path": "x", "arguments": "'open"}, "cannot be taken apart"), ({"level": "everything"}, "valid choice"),
    ):  # fmt: skip
        answer = ann.post(reverse("applications"), given)
        assert answer.status_code == 400 and words in answer.content.decode(), given
    assert not Application.objects.exists()
    assert Client().get(reverse("application", args=[1])).url.startswith("/login/")


def test_sequences_are_taken_in_started_and_stopped_by_operators() -> None:
    olga, ann = _logged_in("olga", "application"), _logged_in("ann")
    assert ann.post(reverse("sequences"), {"text": FILE}).status_code == 403
    assert olga.post(reverse("sequences"), {"text": FILE.replace("WAIT 60 * 60", "WAIT soon")}).status_code == 400
    answer = olga.post(reverse("sequences"), {"text": FILE})
    assert answer.status_code == 302, answer.content.decode()
    page = olga.get(reverse("sequences")).content.decode()
    assert "nightly" in page and "WAIT 60 * 60" in page and 'value="start"' in page
    assert 'value="start"' not in ann.get(reverse("sequences")).content.decode()
    assert ann.post(reverse("sequence-control"), {"name": "nightly", "action": "start"}).status_code == 403
    olga.post(reverse("sequence-control"), {"name": "nightly", "action": "start"})
    assert Sequence.objects.get().enabled
    olga.post(reverse("sequence-control"), {"name": "nightly", "action": "stop"})
    assert not Sequence.objects.get().enabled
    assert "[SEQUENCE nightly] restart" in olga.get(reverse("sequence-file")).content.decode()
    assert (
        "there is no sequence"
        in olga.post(reverse("sequence-control"), {"name": "x", "action": "start"}, follow=True).content.decode()
    )
