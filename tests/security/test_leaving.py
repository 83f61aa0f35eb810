"""What somebody made while they were known ends with what it was made with, and with them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from inventory import run_tokens
from inventory.run_token_models import RunToken
from registry import tokens
from registry.models import ApiToken, AuditRecord, DeviceLogin
from scheduler import applications
from scheduler.errors import ProgramNotAuthorised
from scheduler.models import Application, Job, Sequence, State

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password="first-Secret")


def headers(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def is_known(secret: str) -> bool:
    return Client().get("/api/v1/whoami", headers=headers(secret)).status_code == 200


def made_with(secret: str) -> tuple[int, str]:
    answer = Client().post(
        "/api/v1/tokens", {"days": 1}, content_type="application/json", headers=headers(secret)
    ).json()  # fmt: skip
    return answer["id"], answer["secret"]


def by_device(secret: str) -> str:
    begun = Client().post("/api/v1/device/codes", {"client": "x"}, content_type="application/json").json()
    approved = Client().post("/device/", {"code": begun["user_code"], "decision": "approve"}, headers=headers(secret))
    assert approved.status_code in (200, 302), approved.content
    given = {"device_code": begun["device_code"]}
    return Client().post("/api/v1/device/token", given, content_type="application/json").json()["secret"]


def test_with_a_token_all_that_were_made_with_it_are_revoked(ann: User) -> None:
    row, parent = tokens.create(ann)
    number, child = made_with(parent)
    grandchild, device = made_with(child)[1], by_device(parent)
    other = tokens.create(ann)[1]
    assert all(map(is_known, (parent, child, grandchild, device, other)))
    assert Client().delete(f"/api/v1/tokens/{row.pk}", headers=headers(parent)).status_code == 204
    assert [is_known(each) for each in (parent, child, grandchild, device, other)] == [False] * 4 + [True]
    assert ApiToken.objects.get(pk=number).parent == row


def test_a_token_that_was_revoked_meanwhile_makes_none(ann: User) -> None:
    row, _ = tokens.create(ann)
    tokens.revoke(ApiToken.objects.get(pk=row.pk))
    with pytest.raises(tokens.Refused, match="revoked"):
        tokens.create(ann, parent=row)


@pytest.fixture
def all_of_it(ann: User, redis_url: str):
    """Ann with a session, a token, a device login, programs and a sequence."""
    browser, secret = Client(), tokens.create(ann)[1]
    browser.force_login(ann)
    begun = Client().post("/api/v1/device/codes", {"client": "x"}, content_type="application/json").json()
    browser.post("/device/", {"code": begun["user_code"], "decision": "approve"})
    about = {"title": "x", "author": "ann", "sha256": "0" * 64, "limit": 10}
    programs = [Application.objects.create(state=state, **about) for state in (State.NEW, State.RUN, State.DONE)]
    job = Job.objects.create(task="scheduler.application", key="x", message="x", host="here")
    Application.objects.filter(pk=programs[1].pk).update(job=job)
    Sequence.objects.create(name="daily", owner=ann, enabled=True)
    with run_tokens.issued(1, "ann", 60, acts=True) as run:
        yield browser, secret, begun["device_code"], programs, run


def test_a_user_who_is_made_inactive_leaves_nothing_behind(ann: User, all_of_it) -> None:
    browser, secret, device, programs, run = all_of_it
    chief = Client()
    chief.force_login(User.objects.create_superuser("chief"))
    assert browser.get("/api/v1/whoami").status_code == 200
    ann.is_active = False
    ann.save()
    assert run_tokens.valid(run) is None and not RunToken.objects.exists()
    assert not DeviceLogin.objects.filter(user=ann).exists()
    for row in programs:
        row.refresh_from_db()
    assert [row.state for row in programs] == [State.KILLED, State.RUN, State.DONE]
    assert programs[1].killed_by  # its keeper looks for this
    assert not Sequence.objects.get().enabled
    # Nothing of it comes to life again.
    ann.is_active = True
    ann.save()
    assert browser.get("/api/v1/whoami").status_code == 401
    assert not is_known(secret)
    taken = Client().post("/api/v1/device/token", {"device_code": device}, content_type="application/json")
    assert taken.status_code == 400
    assert chief.get("/api/v1/whoami").status_code == 200
    assert AuditRecord.objects.filter(action="user.leave", target="user ann").exists()


def test_who_is_inactive_by_any_way_runs_nothing(ann: User) -> None:
    with run_tokens.issued(1, "ann", 60, acts=False) as run:
        assert run_tokens.valid(run) is not None
        User.objects.filter(username="ann").update(is_active=False)  # no signal tells of it
        assert run_tokens.valid(run) is None
    with pytest.raises(ProgramNotAuthorised, match="not active"):
        applications.submit("ann", content=b"print()")
