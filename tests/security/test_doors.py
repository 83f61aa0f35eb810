"""The same act by each door, as the same users: the same verdict, and one record in the audit log where it is done, none where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from fileops.models import Subscription, file_key
from inventory import client
from inventory.changes import ChangeSet
from inventory.policy import versions
from registry import quotas, rights, tokens
from registry.callers import of_command
from registry.models import ApiToken, AuditRecord, CopyRequest, DetoxLock
from scheduler import sequences
from scheduler.models import Application, ApplicationLock, Run, Sequence
from tests.detox.store import POLICY

USERS = ("nobody", "user", "operator of T2_A", "operator", "admin")
FILE = "[SEQUENCE daily] restart\nWAIT 60\n"
NEWER = f"# newer\n{POLICY}"


class Caller:
    """One user at each door; each call posts there."""

    def __init__(self, name: str) -> None:
        self.browser, self.headers = Client(), {}
        if name == "nobody":
            return
        user = User.objects.create_user(name.replace(" ", "_"), is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        for target in rights.TARGETS if name not in ("user",) else ():
            rights.grant(user, "admin" if name == "admin" else "operator", target)
            if name == "operator of T2_A":
                rights.limit(user, "operator", target, sites="T2_A")
        self.browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        self.headers = {"authorization": f"Bearer {tokens.create(user)[1]}"}

    def page(self, path: str, **values: Any) -> None:
        self.browser.post(f"/{path}/", values)

    def api(self, path: str, method: str = "POST", **body: Any) -> None:
        Client().generic(
            method, f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=self.headers
        )

    def classic(self, path: str, **values: Any) -> None:
        Client().post(f"/data/{path}", values, headers=self.headers)

    def admin(self, path: str, **values: Any) -> None:
        self.browser.post(f"/admin/{path}/", values)

    def action(self, path: str, action: str, number: int) -> None:
        self.admin(path, action=action, _selected_action=[number])


@dataclass(frozen=True)
class Act:
    """What is done: ``make`` makes what it is done to (its number), ``done`` whether it was, ``may`` who may, ``doors`` how."""

    make: Callable[[], int]
    done: Callable[[int], bool]
    may: tuple[str, ...]
    doors: dict[str, Callable[[Caller, int], None]]


def _lock() -> int:
    end = timezone.now() + timedelta(days=1)
    return DetoxLock.objects.create(user="carl", item="/a/b/RAW", locked=timezone.now(), expires=end).pk


def _held(site: str) -> int:
    now, key = timezone.now(), file_key(site, "/store/a.root")
    return Subscription.objects.create(
        site=site, lfn="/store/a.root", key=key, open_key=key, dataset="/A/B/C", size=1, operation="copy", state="held",
        reason="no_source", author="x", created=now, updated=now,
    ).pk  # fmt: skip


def _request(site: str, status: str) -> int:
    now = timezone.now()
    made = CopyRequest.objects.create(user="carl", group="g", status=status, first_asked=now, last_asked=now)
    made.items.create(item="/A/B/C")
    made.sites.create(site=site)
    return made.pk


def _run() -> int:
    return Run.objects.create(application="detox", author="carl", host="h", pid=1, state="run").pk


def _program() -> int:
    return Application.objects.create(title="his", author="carl", level="read", limit=60, sha256="0" * 64).pk


def _policy() -> int:
    first = versions.save("Physics.txt", POLICY, "carl", "load")
    versions.save("Physics.txt", NEWER, "carl", "load")
    return first.number


def _stopped() -> int:
    return ApplicationLock.objects.create(application="detox", user="carl").pk


def _sequence() -> int:
    sequences.import_text(FILE, User.objects.get(pk=_carl()))
    return Sequence.objects.get().pk


def _carl() -> int:
    return User.objects.get_or_create(username="carl")[0].pk


def _token() -> int:
    return tokens.create(User.objects.get(pk=_carl()))[0].pk


def _given_up(number: int) -> bool:
    return Subscription.objects.get(pk=number).state == "cancelled"


def _released(number: int) -> bool:
    return Subscription.objects.get(pk=number).state == "new"


def _quota() -> int:
    if ("T2_A", "Valid") not in quotas.known(client.snapshot()):
        valid = {"name": "Valid", "definition": "dataset.status == VALID"}
        client.commit(ChangeSet("test", 1).put("sites", [{"name": "T2_A"}]).put("partitions", [valid]))
    # Of the inventory nothing is rolled back: what the door before did is undone.
    quotas.set_quotas(of_command("carl"), [quotas.Wish("T2_A", "Valid", 0)])
    return 0


def _has_quota(number: int) -> bool:
    return quotas.known(client.snapshot()).get(("T2_A", "Valid")) == 10**12


def _is(status: str) -> Callable[[int], bool]:
    return lambda number: CopyRequest.objects.get(pk=number).status == status


def _held_doors(site: str) -> dict[str, Callable[[Caller, int], None]]:
    return {
        "page": lambda by, number: by.page("files/release", site=site, reason=""),
        "api": lambda by, number: by.api("held/release", ids=[number]),
        "admin": lambda by, number: by.action("fileops/subscription", "let_go", number),
    }


def _request_doors(verb: str, **body: str) -> dict[str, Callable[[Caller, int], None]]:
    return {
        "page": lambda by, number: by.page(f"requests/{number}/decide", action=verb, reason="why"),
        "api": lambda by, number: by.api(f"copy-requests/{number}/{verb}", **body),
        "admin": lambda by, number: by.action("registry/copyrequest", verb, number),
    }


_ALL, _SOME, _ADMIN = ("operator", "admin"), ("operator of T2_A", "operator", "admin"), ("admin",)
_FAIL: dict[str, Callable[[Caller, int], None]] = {
    "api": lambda by, number: by.api(f"held/{number}/fail", reason="why"),
}
_WITHDRAW = _request_doors("cancel")
del _WITHDRAW["admin"]
ACTS = {
    "release another's Detox lock": Act(
        _lock, lambda number: DetoxLock.objects.get(pk=number).unlocked is not None, _ALL,
        {
            "page": lambda by, number: by.page("locks/release", lock=[number]),
            "api": lambda by, number: by.api(f"locks/{number}/release"),
            "classic": lambda by, number: by.classic("detox/lock/unlock", lockid=number),
            "admin": lambda by, number: by.action("registry/detoxlock", "release", number),
        },
    ),
    "try held files again": Act(lambda: _held("T2_A"), _released, _SOME, _held_doors("T2_A")),
    "try held files of another site again": Act(lambda: _held("T2_B"), _released, _ALL, _held_doors("T2_B")),
    "give up a file": Act(lambda: _held("T2_A"), _given_up, _SOME, _FAIL),
    "give up a file of another site": Act(lambda: _held("T2_B"), _given_up, _ALL, _FAIL),
    "set a quota": Act(
        _quota, _has_quota, _ALL,
        {
            "page": lambda by, number: by.page("quotas", **{"quota-0": "1", "was-0": "0", "at-0": "T2_A Valid"}),
            "api": lambda by, number: by.api(
                "quotas", "PATCH", quotas=[{"site": "T2_A", "partition": "Valid", "quota": 10**12, "before": 0}]
            ),
        },
    ),
    "approve": Act(lambda: _request("T2_A", "waiting"), _is("new"), _SOME, _request_doors("approve", comment="")),
    "approve for another site": Act(
        lambda: _request("T2_B", "waiting"), _is("new"), _ALL, _request_doors("approve", comment="")
    ),
    "withdraw another's request": Act(
        lambda: _request("T2_A", "new"), _is("cancelled"), _SOME,
        _WITHDRAW | {"classic": lambda by, number: by.classic("request/cancelcopy", request_id=number)},
    ),
    "hand a request to the engines again": Act(
        lambda: _request("T2_A", "rejected"), _is("new"), _ALL, _request_doors("release")
    ),
    "end a request": Act(lambda: _request("T2_A", "new"), _is("rejected"), _ALL, _request_doors("fail", reason="why")),
    "stop an application": Act(
        lambda: 0, lambda number: ApplicationLock.objects.filter(application="dealer").exists(), _ALL,
        {
            "page": lambda by, number: by.page("application-locks", application="dealer"),
            "api": lambda by, number: by.api("application-locks", application="dealer"),
            "classic": lambda by, number: by.classic("applock/lock", app="dealer"),
            "admin": lambda by, number: by.admin("scheduler/applicationlock/add", application="dealer"),
        },
    ),
    "give back another's application": Act(
        _stopped, lambda number: not ApplicationLock.objects.exists(), _ADMIN,
        {
            "page": lambda by, number: by.page("application-locks/give-back", application="detox", user="carl", service=""),
            "api": lambda by, number: by.api(f"application-locks/{number}", "DELETE"),
            "admin": lambda by, number: by.admin(f"scheduler/applicationlock/{number}/delete", post="yes"),
        },
    ),
    "end a run": Act(
        _run, lambda number: Run.objects.get(pk=number).killed_by != "", _ALL,
        {
            "page": lambda by, number: by.page(f"runs/{number}/end"),
            "api": lambda by, number: by.api(f"runs/{number}/kill"),
            "admin": lambda by, number: by.action("scheduler/run", "end_selected", number),
        },
    ),
    "end another's program": Act(
        _program, lambda number: Application.objects.get(pk=number).killed_by != "", _ALL,
        {
            "page": lambda by, number: by.page(f"applications/{number}/kill"),
            "api": lambda by, number: by.api(f"applications/{number}/kill"),
            "admin": lambda by, number: by.action("scheduler/application", "end_selected", number),
        },
    ),
    "put an old policy in force": Act(
        _policy, lambda number: versions.newest("Physics.txt").text == POLICY, _ALL,
        {
            "page": lambda by, number: by.page("policies/of/Physics.txt/restore", version=number),
            "api": lambda by, number: by.api(f"policies/Physics.txt/versions/{number}/restore"),
        },
    ),
    "save a policy": Act(
        _policy, lambda number: versions.newest("Physics.txt").number == 3, _ALL,
        {
            "page": lambda by, number: by.page(
                "policies/of/Physics.txt/edit", name="Physics.txt", policy=POLICY, base=versions.digest_of(NEWER)
            ),
            "api": lambda by, number: by.api("policies/Physics.txt", "PUT", text=POLICY),
            "admin": lambda by, number: by.admin(
                "inventory/policyversion/add", name="Physics.txt", text=POLICY, based_on=2, comment="because"
            ),
        },
    ),
    "start a sequence": Act(
        _sequence, lambda number: Sequence.objects.get(pk=number).enabled, _ALL,
        {
            "page": lambda by, number: by.page("sequences/control", name="daily", action="start"),
            "api": lambda by, number: by.api("sequences/daily/start"),
            "admin": lambda by, number: by.action("scheduler/sequence", "start_selected", number),
        },
    ),
    "take in sequences": Act(
        lambda: 0, lambda number: Sequence.objects.filter(name="daily").exists(), _ALL,
        {"page": lambda by, number: by.page("sequences", text=FILE), "api": lambda by, number: by.api("sequences", text=FILE)},
    ),
    "grant a role": Act(
        _carl, lambda number: rights.has(User.objects.get(pk=number), "operator", "detox", site="T2_A"), _ADMIN,
        {
            "page": lambda by, number: by.page(f"users/{number}", role="operator", target="detox", sites="T2_*", groups=""),
            "api": lambda by, number: by.api("rights", user="carl", role="operator", target="detox", sites="T2_*"),
        },
    ),
    "make a token": Act(
        lambda: ApiToken.objects.count(), lambda number: ApiToken.objects.count() > number, USERS[1:],
        {"page": lambda by, number: by.page("account", days=30, service="x"), "api": lambda by, number: by.api("tokens", days=30)},
    ),
    "revoke another's token": Act(
        _token, lambda number: ApiToken.objects.get(pk=number).revoked is not None, (),
        {
            "page": lambda by, number: by.page(f"account/tokens/{number}/revoke"),
            "api": lambda by, number: by.api(f"tokens/{number}", "DELETE"),
            "admin": lambda by, number: by.action("registry/apitoken", "revoke", number),
        },
    ),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.usefixtures("empty_redis", "inventory")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ACTS)
def test_every_door_gives_the_same_verdict(name: str, user: str, settings: Any, tmp_path: Any) -> None:
    settings.POLICY_DIR, settings.APPLICATION_DIR = tmp_path, tmp_path
    act, by = ACTS[name], Caller(user)
    found = {}
    for door, call in act.doors.items():
        with transaction.atomic():
            number, before = act.make(), AuditRecord.objects.count()
            call(by, number)
            found[door] = (act.done(number), AuditRecord.objects.count() - before)
            transaction.set_rollback(name != "set a quota")
    expected = user in act.may
    assert found == dict.fromkeys(act.doors, (expected, int(expected)))
