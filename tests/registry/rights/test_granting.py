"""Roles are given and taken by admins of the target, also for some sites or groups only."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from django.utils import timezone

from registry import granting, rights, tokens
from registry.callers import Caller
from registry.errors import Denied, NotAuthenticated, Refused
from registry.models import AuditRecord, CopyRequest, RightLimit

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann")


@pytest.fixture
def chief() -> User:
    user = User.objects.create_user("chief")
    rights.grant(user, "admin", "registry")
    return user


def test_a_limited_role_holds_where_it_is_limited_to(ann: User) -> None:
    rights.grant(ann, "operator", "registry")
    RightLimit.objects.create(
        user=ann, role="operator", target="registry", sites="T2_CH_*, T2_DE_*", groups="Analysis*"
    )
    RightLimit.objects.create(user=ann, role="operator", target="registry", sites="T3_*")
    assert rights.has(ann, "operator", "registry", site="T2_CH_CERN", group="AnalysisOps")
    assert not rights.has(ann, "operator", "registry", site="T2_CH_CERN", group="DataOps")
    assert not rights.has(ann, "operator", "registry", site="T2_CH_CERN")
    assert rights.has(ann, "operator", "registry", site="T3_X", group="DataOps")
    assert not rights.has(ann, "operator", "registry", site="T1_US_FNAL", group="AnalysisOps")
    assert not rights.has(ann, "operator", "registry")
    assert rights.reaches(ann, "operator", "registry", sites=["T3_A", "T2_DE_X"], group="AnalysisX")
    assert not rights.reaches(ann, "operator", "registry", sites=["T3_A", "T1_A"], group="AnalysisX")
    assert not rights.reaches(ann, "operator", "registry", sites=[])
    assert rights.reaches(ann, "operator", "registry", anywhere=True)
    with pytest.raises(Denied, match="for some sites or groups only"):
        rights.require(ann, "operator", "registry", site="T1_US_FNAL")


def test_another_role_without_limits_is_not_limited(ann: User) -> None:
    rights.grant(ann, "operator", "registry")
    RightLimit.objects.create(user=ann, role="operator", target="registry", sites="T3_*")
    rights.grant(ann, "admin", "registry")
    assert rights.has(ann, "operator", "registry")


def test_credentials_bound_what_their_user_may(chief: User) -> None:
    limited = Caller(chief, scopes=frozenset({"detox"}))
    assert not rights.has(limited, "admin", "registry")
    with pytest.raises(Denied, match="not good for registry"):
        rights.require(limited, "admin", "registry")
    with pytest.raises(NotAuthenticated):
        rights.require(Caller(AnonymousUser()), "admin", "registry")


def test_nobody_hands_on_more_than_they_have(ann: User, chief: User) -> None:
    granting.grant(Caller(chief), ann, "operator", "registry", "T2_*")
    with pytest.raises(Denied):
        granting.grant(Caller(chief), ann, "operator", "detox")
    with pytest.raises(Denied):
        granting.grant(Caller(ann), ann, "admin", "registry")
    assert AuditRecord.objects.filter(action="right.grant").count() == 1
    assert granting.revoke(Caller(chief), ann, "operator", "registry")
    assert not RightLimit.objects.exists()


def test_a_limit_is_widened_but_what_is_everywhere_is_not_limited_by_granting(ann: User, chief: User) -> None:
    granting.grant(Caller(chief), ann, "operator", "registry", "T2_*")
    granting.grant(Caller(chief), ann, "operator", "registry")
    assert rights.has(ann, "operator", "registry")
    with pytest.raises(Refused, match="take it away first"):
        granting.grant(Caller(chief), ann, "operator", "registry", "T3_*")


def call(user: User, method: str, path: str, body: dict | None = None):
    headers = {"authorization": f"Bearer {tokens.create(user)[1]}"}
    return getattr(Client(), method)(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def test_by_the_api(ann: User, chief: User) -> None:
    wish = {"user": "ann", "role": "operator", "target": "registry", "sites": "T2_*"}
    assert call(ann, "post", "rights", wish).status_code == 403
    answer = call(chief, "post", "rights", wish)
    assert answer.json()["results"] == [
        {"user": "ann", "role": "operator", "target": "registry", "limits": [{"sites": "T2_*", "groups": ""}]}
    ]
    assert call(chief, "post", "rights", wish | {"target": "detox"}).status_code == 403
    assert call(chief, "post", "rights", wish | {"role": "king"}).status_code == 400
    assert {row["user"] for row in call(chief, "get", "rights").json()["results"]} == {"ann", "chief"}
    del wish["sites"]
    assert call(chief, "post", "rights/revoke", wish).json()["results"] == []
    assert call(ann, "get", "audit").status_code == 403
    found = call(chief, "get", "audit?action=right.grant").json()["results"]
    assert [(row["user"], row["target"], row["method"]) for row in found] == [("chief", "ann", "token")]
    assert [row["username"] for row in call(chief, "get", "users?username=ann").json()["results"]] == ["ann"]
    assert "password" not in call(chief, "get", "users").content.decode()


def test_an_operator_of_some_sites_decides_over_requests_for_these() -> None:
    now, dora = timezone.now(), User.objects.create_user("dora")
    rights.grant(dora, "operator", "registry")
    rights.limit(dora, "operator", "registry", "T2_CH_*")
    found = []
    for sites in (["T2_CH_CERN"], ["T2_CH_CERN", "T1_US_FNAL"]):
        row = CopyRequest.objects.create(
            user="ann", status="waiting", group="AnalysisOps", first_asked=now, last_asked=now
        )
        for site in sites:
            row.sites.create(site=site)
        found.append(row.pk)
    assert call(dora, "post", f"copy-requests/{found[0]}/approve", {}).status_code == 200
    assert call(dora, "post", f"copy-requests/{found[1]}/approve", {}).status_code == 403
    assert call(dora, "post", f"copy-requests/{found[1]}/fail", {"reason": "x"}).status_code == 403
    assert call(dora, "post", f"copy-requests/{found[1]}/cancel", {}).status_code == 403
    assert AuditRecord.objects.filter(action="request.approve").count() == 1
