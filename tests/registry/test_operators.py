"""What operators have: admin pages with what to do by hand, and locks on applications."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from registry import locks, placing, requests, rights, tokens
from registry.locks import Wish
from registry.models import ApiToken, ApprovalRule, DetoxLock, Injection, Request
from registry.placing import Asker, Wanted
from registry.settings import RegistrySettings
from tests.registry.frames import small_snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga() -> User:
    return User.objects.create_superuser("olga")


@pytest.fixture
def pages(olga: User) -> Client:
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def request_() -> Request:
    return placing.ask_copy(small_snapshot(), Asker("ann", "wf"), Wanted(["/A"], ["T2_B"]), RegistrySettings("g1"))


def act(pages: Client, model: str, action: str, *rows: int) -> str:
    values = {"action": action, "_selected_action": rows}
    return pages.post(f"/admin/registry/{model}/", values, follow=True).content.decode()


@pytest.mark.parametrize(
    "model",
    [
        "copyrequest",
        "deletionrequest",
        "cachedcopyrequest",
        "injection",
        "detoxlock",
        "userdn",
        "apitoken",
        "approvalrule",
        "notice",
        "requestarchive",
    ],
)
def test_every_list_opens_and_searches(pages: Client, model: str) -> None:
    assert pages.get(f"/admin/registry/{model}/").status_code == 200
    assert pages.get(f"/admin/registry/{model}/", {"q": "ann"}).status_code == 200


def test_a_request_is_found_by_its_item_and_shown_with_its_actions(pages: Client, request_: Request) -> None:
    requests.activate(request_, [("/A", "T2_B")])
    assert "ann" in pages.get("/admin/registry/copyrequest/", {"q": "/A"}).content.decode()
    assert f"/copyrequest/{request_.pk}/" not in pages.get("/admin/registry/copyrequest/", {"q": "/Z"}).content.decode()
    assert "T2_B" in pages.get(f"/admin/registry/copyrequest/{request_.pk}/change/").content.decode()


def test_a_rule_is_entered_and_what_waits_for_it_approved(pages: Client) -> None:
    values = {"name": "all", "order": 1, "enabled": "on", "decision": "ask", "emails": "olga@example.org"}
    pages.post("/admin/registry/approvalrule/add/", values)
    assert ApprovalRule.objects.get().changed_by == "olga"
    made = placing.ask_copy(small_snapshot(), Asker("ann"), Wanted(["/A"], ["T2_B"]), RegistrySettings("g1"))
    assert made.status == "waiting"
    assert "olga@example.org" in pages.get("/admin/registry/notice/").content.decode()
    act(pages, "copyrequest", "approve", made.pk)
    made.refresh_from_db()
    assert (made.status, made.decided_by) == ("new", "olga")


def test_history_can_not_be_edited(pages: Client, request_: Request) -> None:
    pages.post(f"/admin/registry/copyrequest/{request_.pk}/change/", {"status": "completed"})
    pages.post(f"/admin/registry/copyrequest/{request_.pk}/delete/", {"post": "yes"})
    assert Request.objects.get().status == "new"
    assert pages.get("/admin/registry/copyrequest/add/").status_code == 403


def test_releasing_and_failing_by_hand(pages: Client, request_: Request) -> None:
    requests.activate(request_, [("/A", "T2_B")])
    act(pages, "copyrequest", "release", request_.pk)
    assert Request.objects.get().status == "new"
    act(pages, "copyrequest", "fail", request_.pk)
    request_.refresh_from_db()
    assert (request_.status, request_.reason) == ("rejected", "ended by hand (olga)")
    assert "cannot be" in act(pages, "copyrequest", "fail", request_.pk)


def test_staff_without_the_role_does_nothing_by_hand(request_: Request) -> None:
    user = User.objects.create_user("stan", is_staff=True)
    from django.contrib.auth.models import Permission

    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    requests.reject(request_, "no room")
    assert "needs the role operator on registry" in act(client, "copyrequest", "release", request_.pk)
    assert Request.objects.get().status == "rejected"
    rights.grant(user, "operator", "registry")
    act(client, "copyrequest", "release", request_.pk)
    assert Request.objects.get().status == "new"


def test_locks_are_released_and_tokens_revoked(pages: Client, olga: User) -> None:
    [lock] = locks.set_locks([Wish("/A", timezone.now() + timedelta(days=1))], "ann")
    token, secret = tokens.create(olga)
    assert secret not in pages.get(f"/admin/registry/apitoken/{token.pk}/change/").content.decode()
    act(pages, "detoxlock", "release", lock.pk)
    act(pages, "apitoken", "revoke", token.pk)
    assert DetoxLock.objects.get().unlocked is not None
    assert ApiToken.objects.get().revoked is not None


def test_an_injection_is_shown_with_its_document(pages: Client) -> None:
    row = Injection.objects.create(user="ann", kind="inject", document={"group": []}, asked=timezone.now())
    assert "group" in pages.get(f"/admin/registry/injection/{row.pk}/change/").content.decode()


def test_an_application_is_held_in_order_of_asking(ann, bob, anyone) -> None:
    for name in ("ann", "bob"):
        rights.grant(User.objects.get(username=name), "operator", "application")
    assert anyone.get("applock/check", app="detox")[1]["message"] == "Not locked"
    status, answer = ann.post("applock/lock", app="detox", service="ops", note="maintenance")
    assert (status, answer["message"]) == (200, "Success")
    shown = {"user": "ann", "service": "ops", "depth": 1, "note": "maintenance"}
    assert shown.items() <= answer["data"].items()
    assert bob.post("applock/lock", app="detox")[1]["message"] == "Wait"
    assert anyone.get("applock/check", app="detox")[1]["data"]["user"] == "ann"
    answer = ann.post("applock/unlock", app="detox", service="ops")[1]
    assert (answer["message"], answer["data"]["user"]) == ("Locked", "bob")
    assert bob.post("applock/unlock", app="detox")[1] == {"result": "OK", "message": "Unlocked"}
    assert anyone.get("applock/current")[1]["data"] == []


def test_who_is_not_known_stops_no_application(anyone) -> None:
    assert anyone.post("applock/lock", app="detox")[0] == 401
    assert anyone.get("applock/check", app="detox")[1]["message"] == "Not locked"
