"""Every page, on a desk and on a phone, in light and in dark: nothing sticks out, complains, comes from elsewhere, or keeps somebody out."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from tests.dynamo_site.conftest import Filled
from tests.dynamo_site.makers import addresses, forms
from tests.web.window import DESK, PHONE, Window

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def _look_at(window: Window, pages: list[str], width: int, scheme: str, who: str) -> None:
    window.look(width, scheme)
    faults: dict[str, list[str]] = {}
    for address in pages:
        window.open(address)
        window.keep(f"{who}-{width}-{scheme}{re.sub(r'[^a-z0-9]+', '-', address.lower())}"[:100])
        for fault in window.faults():
            faults.setdefault(fault, []).append(address)
    if faults:
        pytest.fail("\n".join(f"{', '.join(where[:3])}: {fault}" for fault, where in faults.items()))


@pytest.mark.parametrize(("width", "scheme"), [(DESK, "dark"), (PHONE, "light")])
def test_as_operator(window: Window, operator: User, filled: Filled, width: int, scheme: str) -> None:
    _look_at(window, [*addresses(filled), *forms(filled)], width, scheme, "operator")


def test_as_user_and_as_nobody(window: Window, user: User, filled: Filled) -> None:
    mine = [address for address in forms(filled) if not address.startswith(("/policies/", "/audit/", "/users/"))]
    _look_at(window, mine, PHONE, "light", "user")
    window.driver.delete_all_cookies()
    _look_at(
        window,
        ["/", "/login/", "/locks/", "/quotas/", "/applications/", "/application-locks/", "/nothing/here/"],
        PHONE,
        "dark",
        "nobody",
    )
