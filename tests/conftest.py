"""What all tests share: private servers, the database they choose, and that no skip goes unnoticed."""

from __future__ import annotations

import pytest
from django.conf import settings

from tests.inventory.fixtures import inventory  # noqa: F401 - a fixture
from tests.services.fixtures import *  # noqa: F403 - fixtures of all tests
from tests.services.fixtures import NEED_PACKAGES
from tests.skips import pytest_sessionfinish  # noqa: F401 - a hook


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest, django_db_modify_db_settings_parallel_suffix) -> None:
    """Start the database server before Django makes the test database in it."""
    if settings.TEST_DATABASE == "mariadb":
        request.getfixturevalue("mariadb_url")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if NEED_PACKAGES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.services)
