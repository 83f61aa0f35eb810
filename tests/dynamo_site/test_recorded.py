"""What a page changes is in the audit log, or is not changed: where the log takes nothing, nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fileops.models import Subscription, file_key
from inventory.models import PolicyVersion
from inventory.policy import versions
from registry import audit, rights
from registry.errors import Busy
from scheduler import sequences
from scheduler.models import Application, Run, Sequence
from tests.detox import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("directories", "empty_redis")]
FILE = "[SEQUENCE nightly] restart\nWAIT 60\n"


@pytest.fixture
def olga(settings: Any, tmp_path: Any) -> Client:
    """An operator of everything that these pages change."""
    settings.APPLICATION_DIR = tmp_path / "applications"
    user, client = User.objects.create_user("olga"), Client()
    for target in ("application", "fileops", "policy"):
        rights.grant(user, "operator", target)
    client.force_login(user)
    return client


@pytest.fixture
def full_log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to have the log take nothing from then on."""

    def refuse(*_: object, **__: object) -> None:
        raise Busy("the audit log takes nothing")

    return lambda: monkeypatch.setattr(audit, "record", refuse)


def _held() -> Subscription:
    now, key = timezone.now(), file_key("T2_B", "/store/a.root")
    return Subscription.objects.create(
        site="T2_B", lfn="/store/a.root", key=key, open_key=key, dataset="/A/B/C", size=1, operation="copy", state="held",
        reason="no_source", author="x", created=now, updated=now,
    )  # fmt: skip


def test_held_files_and_runs(olga: Client, full_log: Callable[[], None]) -> None:
    held, run = _held(), Run.objects.create(application="detox", author="ann", host="h", pid=1, state="run")
    full_log()
    answer = olga.post(reverse("files-release"), {"site": "T2_B", "reason": ""}, follow=True)
    assert "takes nothing" in answer.content.decode() and "released" not in answer.content.decode()
    olga.post(reverse("run-end", args=[run.pk]))
    held.refresh_from_db(), run.refresh_from_db()
    assert (held.state, run.killed_by) == ("held", "")


def test_programs(olga: Client, full_log: Callable[[], None]) -> None:
    queued = Application.objects.create(title="mine", author="olga", level="read", limit=60, sha256="0" * 64)
    full_log()
    answer = olga.post(reverse("applications"), {"path": "", "level": "read", "upload": _file()})
    assert answer.status_code == 400 and "takes nothing" in answer.content.decode()
    olga.post(reverse("application-kill", args=[queued.pk]))
    assert [(row.pk, row.killed_by) for row in Application.objects.all()] == [(queued.pk, "")]


def _file() -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("hello.py", b"print('hello')\n")


def test_sequences(olga: Client, full_log: Callable[[], None]) -> None:
    sequences.import_text(FILE, User.objects.get())
    full_log()
    answer = olga.post(reverse("sequences"), {"text": FILE.replace("nightly", "daily")})
    assert answer.status_code == 400 and "takes nothing" in answer.content.decode()
    olga.post(reverse("sequence-control"), {"name": "nightly", "action": "start"})
    assert list(Sequence.objects.values_list("name", "enabled")) == [("nightly", False)]


def test_policies(olga: Client, inventory: Any, full_log: Callable[[], None]) -> None:
    first = versions.save("Physics.txt", store.POLICY, "ann", "page")
    second = versions.save("Physics.txt", f"# again\n{store.POLICY}", "ann", "page")
    full_log()
    edited = {"name": "Physics.txt", "policy": f"# third\n{store.POLICY}", "base": second.digest, "comment": ""}
    answer = olga.post(reverse("policy-edit", args=["Physics.txt"]), edited)
    assert answer.status_code == 400 and "takes nothing" in answer.content.decode()
    olga.post(reverse("policy-restore", args=["Physics.txt"]), {"version": str(first.number)})
    assert PolicyVersion.objects.count() == 2
