"""What a program or a step is given, what it wrote and why it failed: for its author and operators, on no page and in no answer else."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from registry import rights, tokens
from scheduler import sequences
from scheduler.models import Application, Job, SequenceStep, State
from scheduler.programs import files
from scheduler.sequencing.words import ArgumentsWrong, words

pytestmark = pytest.mark.django_db
SECRET = "s3cret-argument"
FILE = f"{{hello}} = /opt/hello.py\n[SEQUENCE daily]\n| {{hello}} --key {SECRET}\nWAIT 60\n"


@pytest.fixture
def addresses(settings, tmp_path) -> list[str]:
    """Everywhere that a program of ann's, her sequence and a job are told of."""
    settings.APPLICATION_DIR = tmp_path
    ann = User.objects.create_user("ann")
    row = Application.objects.create(
        title="x", author="ann", sha256="0" * 64, limit=10, arguments=[SECRET], state=State.FAILED, error=SECRET
    )
    files.directory(row.pk).mkdir(parents=True)
    (files.directory(row.pk) / "log").write_text(SECRET)
    sequences.import_text(FILE, ann)
    SequenceStep.objects.filter(position=1).update(last=row)
    job = Job.objects.create(task="x", key="x", message="x", arguments={"a": SECRET}, error=SECRET, output=SECRET)
    admin = ["application", "sequence", "job"]
    numbers = {"application": row.pk, "sequence": SequenceStep.objects.first().sequence_id, "job": job.pk}
    return [
        "/api/v1/applications", f"/api/v1/applications/{row.pk}", f"/api/v1/applications/{row.pk}/log", "/api/v1/jobs",
        f"/api/v1/jobs/{job.pk}", "/api/v1/sequences", "/api/v1/sequences/daily", "/api/v1/sequences/daily/file",
        "/applications/", f"/applications/{row.pk}/", f"/applications/{row.pk}/log/", "/sequences/", "/sequences/file/",
        f"/api/v1/applications?q={SECRET}", f"/api/v1/jobs?error={SECRET}&fields=id,error", "/runs/", "/",
        *(f"/admin/scheduler/{name}/" for name in admin),
        *(f"/admin/scheduler/{name}/{numbers[name]}/change/" for name in admin),
    ]  # fmt: skip


def seen(user: User | None, addresses: list[str]) -> set[str]:
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    found = set()
    for address in addresses:
        answer = client.get(address)
        content = answer.getvalue() if answer.streaming else answer.content
        # What was asked comes back in what says that it is wrong.
        if SECRET in content.decode().replace(address, "") and answer.status_code == 200:
            found.add(address)
    return found


def test_others_see_neither_arguments_nor_errors_nor_logs(addresses: list[str]) -> None:
    looks = User.objects.create_user("eve", is_staff=True)
    looks.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    assert seen(None, addresses) == set()
    assert seen(looks, addresses) == set()


def test_the_author_and_operators_do(addresses: list[str]) -> None:
    ann = seen(User.objects.get(username="ann"), addresses)
    assert {"/api/v1/sequences/daily/file", "/sequences/", "/sequences/file/"} <= ann
    assert {address for address in addresses[:13] if address.count("applications/")} - {"/applications/"} <= ann
    assert not {address for address in ann if "jobs" in address or "admin" in address}
    operator = User.objects.create_user("olga", is_staff=True)
    rights.grant(operator, "operator", "application")
    assert ann <= seen(operator, addresses)
    assert {address for address in addresses if "jobs/" in address} <= seen(operator, addresses)


def test_arguments_that_are_wrong_are_not_told_to_the_log() -> None:
    with pytest.raises(ArgumentsWrong) as told:
        words(f"'{SECRET}")
    assert SECRET not in str(told.value)


def test_too_many_waiting_programs_are_told_with_when_to_try_again(settings, tmp_path, redis_url, monkeypatch) -> None:
    settings.APPLICATION_DIR = tmp_path
    monkeypatch.setenv("DYNAMO_SCHEDULER_USER_QUEUE", "0")
    headers = {"authorization": f"Bearer {tokens.create(User.objects.create_user('ann'))[1]}"}
    body = {"title": "x", "content": "cHJpbnQoMSkK"}
    answer = Client().post("/api/v1/applications", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "wait already" in answer.json()["detail"] and not Application.objects.exists()
