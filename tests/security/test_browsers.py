"""What a foreign page, a foreign host or a stolen link may try with the browser of somebody who is logged in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from registry import access
from registry.access import ANYONE, NOBODY
from registry.models import FailedLogins
from tests.security.test_every_address import path_of, walked

pytestmark = pytest.mark.django_db
EVIL = "https://evil.example/"


@pytest.fixture
def chief() -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(User.objects.create_superuser("chief", password="first-Secret"))
    return client


@pytest.mark.slow
def test_no_address_changes_anything_for_a_foreign_page(chief: Client, caplog) -> None:
    caplog.set_level("CRITICAL")
    wrong = []
    for address in walked():
        if address.access.change in (NOBODY, ANYONE) or access.words(address.access.change) == "public":
            continue
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = chief.generic(
                method, path_of(address), b"{}", content_type="application/json", headers={"origin": EVIL}
            )
            # 405: the address has no such method at all.
            if answer.status_code not in (403, 405):
                wrong.append(f"{method} {path_of(address)}: {answer.status_code}")
        if address.route.startswith("data/"):
            seen = chief.get(path_of(address), headers={"origin": EVIL, "sec-fetch-site": "cross-site"})
            if seen.status_code not in (403, 405):
                wrong.append(f"GET {path_of(address)}: {seen.status_code}")
    assert not wrong, "\n".join(wrong)


def test_login_and_logout_need_a_token_of_ours() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/login/", {"username": "chief", "password": "x"}).status_code == 403
    assert client.post("/logout/").status_code == 403
    assert client.get("/logout/").status_code == 405


def test_a_session_that_was_there_before_is_not_taken_over() -> None:
    User.objects.create_user("ann", password="first-Secret")
    client = Client()
    client.cookies["sessionid"] = "planted" * 4
    client.post("/login/", {"username": "ann", "password": "first-Secret"})
    first = client.cookies["sessionid"].value
    assert first != "planted" * 4
    client.post("/logout/")
    client.post("/login/", {"username": "ann", "password": "first-Secret"})
    second = client.cookies["sessionid"].value
    assert second != first
    old = Client()
    old.cookies["sessionid"] = first
    assert old.get("/api/v1/whoami").status_code == 401


def test_another_password_ends_other_sessions() -> None:
    ann = User.objects.create_user("ann", password="first-Secret")
    client = Client()
    client.force_login(ann)
    assert client.get("/api/v1/whoami").status_code == 200
    ann.set_password("second-Secret")
    ann.save()
    assert client.get("/api/v1/whoami").status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [EVIL, "//evil.example/", "/\\evil.example", "https:evil.example", "javascript:alert(1)", "\thttps://evil.example"],
)
def test_nobody_is_led_elsewhere(wanted: str) -> None:
    User.objects.create_user("ann", password="first-Secret", is_staff=True)
    client = Client()
    told = client.get("/admin/login/", {"next": wanted})["Location"]
    assert "evil" not in told and "javascript" not in told
    answer = client.post("/login/", {"username": "ann", "password": "first-Secret", "next": wanted})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/admin/login/", {"next": wanted})["Location"] == "/admin/"
    assert client.post("/logout/", {"next": wanted})["Location"] == "/"


@pytest.mark.parametrize("path", ["/", "/login/", "/api/v1/whoami", "/data/inventory/sites", "/admin/"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost:80@evil.example"])
def test_a_foreign_host_is_refused(path: str, host: str) -> None:
    assert Client().get(path, headers={"host": host}).status_code == 400


def test_a_forwarded_host_counts_for_nothing() -> None:
    answer = Client().post(
        "/api/v1/device/codes", {}, content_type="application/json", headers={"x-forwarded-host": "evil.example"}
    )
    assert "evil" not in answer.content.decode()


def test_cookies_are_for_this_site_and_not_for_scripts(settings) -> None:
    User.objects.create_user("ann", password="first-Secret")
    client = Client()
    client.post("/login/", {"username": "ann", "password": "first-Secret"})
    cookie = client.cookies["sessionid"]
    assert (bool(cookie["httponly"]), cookie["samesite"]) == (True, "Lax")


def test_pages_are_framed_by_nobody_and_load_nothing_from_elsewhere(chief: Client) -> None:
    for path in ("/login/", "/admin/", "/account/", "/api/v1/problems"):
        answer = chief.get(path)
        policy = answer["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy and "default-src 'self'" in policy
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "http:" not in policy and "https:" not in policy and "*" not in policy


def _login(client: Client, name: str, password: str) -> str:
    return client.post("/login/", {"username": name, "password": password}).content.decode()


def test_who_guesses_a_password_has_to_wait_even_with_the_right_one() -> None:
    User.objects.create_user("ann", password="first-Secret")
    client = Client(REMOTE_ADDR="192.0.2.66")
    for number in range(6):
        assert "do not belong together" in _login(client, "ann", f"guess {number}") or number > 4
    assert "Too many failed attempts" in _login(client, "ANN ", "first-Secret")
    # Neither the name from elsewhere, nor others from there, are locked out by that.
    assert _login(Client(REMOTE_ADDR="192.0.2.67"), "ann", "first-Secret") == ""
    User.objects.create_user("ben", password="first-Secret")
    assert _login(Client(REMOTE_ADDR="192.0.2.66"), "ben", "first-Secret") == ""


def test_one_address_cannot_try_many_names() -> None:
    client = Client(REMOTE_ADDR="192.0.2.66")
    answers = [_login(client, f"name {number}", "a frequent password") for number in range(52)]
    assert "Too many failed attempts" in answers[-1]
    assert "do not belong together" in answers[40]


def test_what_was_typed_is_not_kept() -> None:
    _login(Client(), "my password typed as the name", "x")
    assert "password" not in str(list(FailedLogins.objects.values()))
