"""All addresses of the site, called as nobody, as a known user, with each role, by each method, against the table of docs/access.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client

from registry import access, access_reference, rights, tokens
from registry.access import Address

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PAGE = Path(__file__).parents[2] / "docs" / "access.md"
ROW = re.compile(r"^\| `(/[^`]*)` \| ([^|]*) \| ([^|]*) \| ([^|]*) ?\|$", re.MULTILINE)
EVERYBODY, KNOWN, NONE = ("anyone", "public"), "known users", "–"
# Served as they are found, without a view of ours.
ADMIN_ONCE = ("admin:index", "admin:password_change", "admin:auth_user_changelist", "admin:registry_auditrecord_changelist",
              "admin:registry_userdn_add", "admin:auth_user_delete", "admin:scheduler_run_changelist")  # fmt: skip


def table() -> dict[str, tuple[str, str, str]]:
    return {route: (read, change, note.strip()) for route, read, change, note in ROW.findall(PAGE.read_text())}


def walked() -> list[Address]:
    """Each address once: of the classic interface those under /data/, of the administration some."""
    return [
        address for address in access.addresses()
        if not address.route.startswith(("registry/", "phedexdata/"))
        and (not address.route.startswith("admin/") or address.name in ADMIN_ONCE)
    ]  # fmt: skip


def path_of(address: Address) -> str:
    route = re.sub(r"<int:\w+>", "987654", address.route)
    route = re.sub(r"<(?:\w+:)?\w+>", "x", route)
    if "(?:" in route:
        route = "api/nothing/" if route.startswith("^api") else "data/nothing/"
    return f"/{route}"


def test_every_address_has_a_name_of_its_own_and_says_who_may_use_it() -> None:
    ours = [address for address in access.addresses() if not address.route.startswith("admin/")]
    assert [address.route for address in access.addresses() if address.access is None] == []
    assert [address.route for address in ours if not address.name] == []
    names = [address.name for address in ours]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_the_old_names_of_the_classic_interface_are_for_the_same_people() -> None:
    by_route = {address.route: address.access for address in access.addresses()}
    for route, allowed in by_route.items():
        if route.startswith("data/"):
            assert by_route["registry/" + route[5:]] == by_route["phedexdata/" + route[5:]] == allowed


class Caller:
    """Somebody who calls, with what the table would say of them."""

    def __init__(self, user: User | None, roles: tuple[str, ...] = ()) -> None:
        self.user, self.roles, self.client = user, roles, Client(raise_request_exception=False)
        self.headers = {} if user is None else {"authorization": f"Bearer {tokens.create(user)[1]}"}

    def may(self, who: str) -> bool:
        if who in EVERYBODY:
            return True
        if self.user is None:
            return False
        if who == KNOWN or self.user.is_superuser:
            return True
        return any(role in self.roles for role in who.split(" or "))

    def call(self, method: str, path: str):
        return self.client.generic(method, path, b"{}", content_type="application/json", headers=self.headers)


def refused(answer) -> bool:
    return answer.status_code in (401, 403) or answer.get("Location", "").startswith("/login/?")


def callers() -> Iterator[Caller]:
    yield Caller(None)
    yield Caller(User.objects.create_user("known"))
    yield Caller(User.objects.create_superuser("super"))
    for target in rights.TARGETS:
        for role in rights.ROLES:
            user = User.objects.create_user(f"{role}-{target}")
            rights.grant(user, role, target)
            has = {
                f"{role} on {target}",
                *({f"{other} on {target}" for other in rights.ROLES} if role == "admin" else ()),
            }
            yield Caller(user, tuple(has))


@pytest.mark.slow
def test_everybody_gets_where_the_table_says_and_nowhere_else(filled, redis_url, caplog) -> None:
    caplog.set_level("CRITICAL")
    says, wrong, everybody = table(), [], list(callers())
    for address in walked():
        read, change, note = says[access_reference.shown(address)]
        for method in METHODS:
            who = read if method == "GET" else change
            # Where no role makes a difference, three callers are all there are.
            for caller in everybody if " on " in who else everybody[:3]:
                wrong += checked(caller, method, path_of(address), who, note)
    assert not wrong, "\n".join(wrong)


def checked(caller: Caller, method: str, path: str, who: str, note: str) -> list[str]:
    answer = caller.call(method, path)
    told = f"{method} {path} as {caller.user}: {answer.status_code}, though it is for {who}"
    if answer.status_code >= 500 and answer.status_code != 503:
        return [told]
    if who == NONE:
        return [] if answer.status_code in (401, 403, 404, 405) or refused(answer) else [told]
    # A note tells of what the view itself asks for besides.
    if caller.may(who):
        return [told] if refused(answer) and not note else []
    return [] if refused(answer) else [told]


def test_an_address_that_nobody_declared_is_refused_and_named_by_check(settings, db) -> None:
    settings.ROOT_URLCONF = "tests.security.undeclared"
    assert Client().get("/open/").status_code == 403
    assert any(found.id == "dynamo.E010" and "open/" in found.msg for found in run_checks())


def test_no_operation_is_reached_by_the_name_of_its_function() -> None:
    # Django REST framework takes a function called ``delete`` for the method of every address of its class.
    named = [
        f"{address.route}: {method}" for address in access.addresses() if (kind := getattr(address.pattern.callback, "cls", None))
        for method in ("get", "post", "put", "patch", "delete") if hasattr(kind, method)
        and not address.name.startswith("v1-schema")
    ]  # fmt: skip
    assert named == []
