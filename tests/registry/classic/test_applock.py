"""``/data/applock/…``: whole answers."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from registry import rights
from scheduler.models import ApplicationLock, Run
from scheduler.runs import writer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _operators(ann, bob) -> None:
    for name in ("ann", "bob"):
        rights.grant(User.objects.get(username=name), "operator", "application")


def test_only_operators_of_applications_stop_them(anyone, admin) -> None:
    for path in ("lock", "unlock"):
        assert anyone.post(f"applock/{path}", app="detox")[0] == 401
        status, answer = admin.post(f"applock/{path}", app="detox")
        assert (status, "operator on application" in answer["message"]) == (403, True)
    assert not ApplicationLock.objects.exists()


def test_who_comes_first_holds_and_the_others_wait(ann, bob, anyone) -> None:
    assert anyone.get("applock/check", app="detox") == (200, {"result": "OK", "message": "Not locked"})
    _, answer = ann.post("applock/lock", app="detox", service="prod", note="disks")
    began = answer["data"].pop("lock_time")
    assert abs(began - time.time()) < 600
    held = {"user": "ann", "service": "prod", "depth": 1, "note": "disks"}
    assert answer == {"result": "OK", "message": "Success", "data": held}
    _, answer = bob.post("applock/lock", app="detox")
    assert (answer["message"], answer["data"]) == ("Wait", held | {"lock_time": began})
    assert ann.data("applock/lock", app="detox", service="prod") == held | {"lock_time": began, "depth": 2}
    assert anyone.data("applock/check", app="detox")["depth"] == 2
    assert ann.post("applock/unlock", app="detox", service="prod")[1]["message"] == "Locked"
    _, answer = ann.post("applock/unlock", app="detox", service="prod")
    assert (answer["message"], answer["data"]["user"], answer["data"]["service"]) == ("Locked", "bob", None)
    assert bob.post("applock/unlock", app="detox") == (200, {"result": "OK", "message": "Unlocked"})


def test_a_lock_that_ends_says_when(ann, anyone) -> None:
    ann.data("applock/lock", app="detox")
    ends = timezone.now() + timedelta(hours=1)
    ApplicationLock.objects.update(expires=ends)
    assert anyone.data("applock/check", app="detox")["expires"] == int(ends.timestamp())


def test_running_applications(anyone, inventory, empty_redis) -> None:
    assert anyone.data("applock/current") == []
    with writer("dealer", {}, "dora"):
        run = Run.objects.get()
        assert anyone.data("applock/current") == [
            {"title": "dealer", "write_request": 1, "host": run.host, "queued_time": int(run.queued_at.timestamp())}
        ]


@pytest.mark.parametrize(("path", "values", "text"), [
    ("check", {}, "missing parameter app"), ("lock", {"app": ""}, "app: is empty"), ("lock", {"app": "x" * 65}, "app: "),
    ("unlock", {"app": "detox", "note": "x"}, "unknown parameter note"), ("current", {"app": "detox"}, "unknown parameter app"),
])  # fmt: skip
def test_mistakes_name_the_parameter(ann, path, values, text) -> None:
    status, answer = ann.post(f"applock/{path}", values)
    assert (status, set(answer), answer["result"]) == (400, {"result", "message"}, "Bad Request")
    assert text in answer["message"]
