"""A browser at a live server with something of everything, as nobody, as a user, or as an operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from registry import rights
from tests.dynamo_site.conftest import directories as directories
from tests.dynamo_site.conftest import filled as filled
from tests.web.window import DESK, PHONE, Window

_OPERATOR_OF = ("inventory", "registry", "application", "detox", "dealer", "fileops", "consistency", "policy")


@pytest.fixture
def window(chromium: Any, live_server: Any, filled: Any) -> Iterator[Window]:
    """The browser, without anything from before; nobody has logged in."""
    chromium.get(f"{live_server.url}/search/")
    chromium.delete_all_cookies()
    chromium.get_log("browser")
    yield Window(chromium, live_server.url)
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture
def log_in(window: Window) -> Callable[[User], User]:
    """Call it to have the browser go on as that user."""

    def enter(user: User) -> User:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        window.driver.add_cookie({"name": settings.SESSION_COOKIE_NAME, "value": cookie.value, "path": "/"})
        return user

    return enter


@pytest.fixture
def operator(window: Window, log_in: Callable[[User], User]) -> User:
    """Somebody who may operate everything, and hands out rights on the registry."""
    user = User.objects.create_user("olga", password="secret")
    for target in _OPERATOR_OF:
        rights.grant(user, "admin" if target == "registry" else "operator", target)
    return log_in(user)


@pytest.fixture
def user(window: Window, log_in: Callable[[User], User]) -> User:
    """Somebody without any role; the requests of ``filled`` are hers."""
    return log_in(User.objects.create_user("ann", password="secret"))


@pytest.fixture(params=["user", "operator"])
def somebody(request: pytest.FixtureRequest, window: Window) -> User:
    """A user on a phone, and an operator at a desk."""
    window.look(PHONE if request.param == "user" else DESK)
    return request.getfixturevalue(request.param)
