"""What all tests share: private servers, the database they choose, and that no skip goes unnoticed."""

from __future__ import annotations

import pytest
from django.conf import settings

from tests.inventory.fixtures import inventory  # noqa: F401 - a fixture
from tests.mixing import mixed
from tests.services.fixtures import *  # noqa: F403 - fixtures of all tests
from tests.services.fixtures import NEED_PACKAGES
from tests.skips import pytest_sessionfinish  # noqa: F401 - a hook


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest, django_db_modify_db_settings_parallel_suffix) -> None:
    """Start the database server before Django makes the test database in it."""
    if settings.TEST_DATABASE == "mariadb":
        request.getfixturevalue("mariadb_url")


_OF_DATABASE = {"db", "transactional_db", "django_db_setup", "inventory", "live_server"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs servers; on MariaDB run what asks the database: the rest is the same everywhere."""
    for item in items:
        if NEED_PACKAGES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.services)
    if settings.TEST_DATABASE == "mariadb":
        elsewhere = [item for item in items if not _asks_database(item)]
        items[:] = [item for item in items if _asks_database(item)]
        config.hook.pytest_deselected(items=elsewhere)
    items[:] = mixed(items)


def _asks_database(item: pytest.Item) -> bool:
    names = set(getattr(item, "fixturenames", ()))
    return bool(_OF_DATABASE & names) or item.get_closest_marker("django_db") is not None
