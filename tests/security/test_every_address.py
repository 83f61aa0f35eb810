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
ALL_STAFF = {"index", "login", "logout", "password_change", "password_change_done", "jsi18n", "search", "autocomplete"}
"""Names of administration pages that need no permission on a model: what they show is what the user may see anyway."""


def table() -> dict[str, tuple[str, str, str]]:
    return {route: (read, change, note.strip()) for route, read, change, note in ROW.findall(PAGE.read_text())}


def walked() -> list[Address]:
    """Each address once, of the classic interface those under /data/; the administration is walked by itself."""
    return [
        address for address in access.addresses()
        if not address.route.startswith(("registry/", "phedexdata/"))
        and (not address.route.startswith("admin/") or address.name == "admin:index")
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
    says, wrong, everybody, rest = table(), [], list(callers()), {}
    for address in walked():
        read, change, note = says[access_reference.shown(address)]
        for method in METHODS:
            who = read if method == "GET" else change
            for caller in asked(who, everybody, rest):
                wrong += checked(caller, method, path_of(address), who, note)
    assert not wrong, "\n".join(wrong)


def administration() -> list[Address]:
    return [each for each in access.addresses() if each.route.startswith("admin/") and each.name != "admin-login"]


@pytest.mark.slow
def test_nobody_but_staff_gets_into_any_page_of_the_administration(filled, caplog) -> None:
    caplog.set_level("CRITICAL")
    every_role = User.objects.create_user("every-role")
    for target in rights.TARGETS:
        for role in rights.ROLES:
            rights.grant(every_role, role, target)
    limited = Caller(None)
    chief = User.objects.create_superuser("chief")
    limited.headers = {"authorization": f"Bearer {tokens.create(chief, scopes=['registry'])[1]}"}
    found = administration()
    assert len(found) > 300
    wrong = [
        f"{method} {path_of(address)} as {caller.user}: {answer.status_code}"
        for caller, methods in ((Caller(None), METHODS), (Caller(every_role), ("GET", "POST")), (limited, ("GET",)))
        for address in found for method in methods
        if not refused(answer := caller.call(method, path_of(address)))
    ]  # fmt: skip
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_staff_without_permissions_sees_and_changes_nothing_and_no_page_fails_a_superuser(
    filled, redis_url, caplog
) -> None:
    caplog.set_level("CRITICAL")
    staff, chief = Client(raise_request_exception=False), Client(raise_request_exception=False)
    staff.force_login(User.objects.create_user("staff", is_staff=True))
    chief.force_login(User.objects.create_superuser("chief"))
    wrong = []
    for address in administration():
        if address.name.removeprefix("admin:") in ALL_STAFF:
            continue
        path = path_of(address)
        for method in ("get", "post"):
            status = (answer := getattr(staff, method)(path)).status_code
            # Without permission 403; a row that is not there leads to the index.
            if status not in (403, 404, 405) and answer.get("Location", "") not in ("/admin/", f"{path}change/"):
                wrong.append(f"{method} {path} as staff without permissions: {status}")
        if (status := chief.get(path).status_code) >= 500:
            wrong.append(f"get {path} as a superuser: {status}")
    assert not wrong, "\n".join(wrong)


def asked(who: str, everybody: list[Caller], rest: dict[str, Caller]) -> list[Caller]:
    """Nobody, somebody and a superuser; with each role that gets in; and with all the others together, who does not."""
    if " on " not in who:
        return everybody[:3]
    if who not in rest:
        user = User.objects.create_user(f"rest-{len(rest)}")
        others = [caller for caller in everybody[3:] if not caller.may(who)]
        for caller in others:
            user.groups.add(*caller.user.groups.all())
        rest[who] = Caller(user, tuple(role for caller in others for role in caller.roles))
    return [*everybody[:3], *(caller for caller in everybody[3:] if caller.may(who)), rest[who]]


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
