"""The session fixtures; each starts its server when the first test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db import connection

from tests.services.servers import NginxServer, XrootdSite, start_mariadb, start_nginx, start_redis, start_xrootd
from tests.services.session import Session, session

NEED_PACKAGES = {"mariadb_url", "xrootd_sites", "nginx", "chromium"}


@pytest.fixture(scope="session")
def services() -> Iterator[Session]:
    """The servers of this test process; all are stopped at the end."""
    yield session()
    session().stop_all()


@pytest.fixture(scope="session")
def redis_url(services: Session) -> str:
    """URL of a running private Redis; ``settings.REDIS_URL`` is the same."""
    return start_redis(services, services.directory / "redis.sock")


@pytest.fixture
def empty_redis(redis_url: str) -> redis.Redis:
    """A client of the private Redis, emptied."""
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    client.flushall()
    return client


@pytest.fixture
def no_broker(redis_url: str) -> Iterator[None]:
    """Celery's broker cannot be reached; connections are forgotten before and after, as its pool keeps them whatever the address."""
    current_app.conf.broker_url, before = "redis://127.0.0.1:1/0", current_app.conf.broker_url
    current_app._after_fork()
    yield
    current_app.conf.broker_url = before
    current_app._after_fork()


@pytest.fixture(scope="session")
def mariadb_url(services: Session) -> str:
    """URL of a running private MariaDB, up to the name of a database: add one that your test makes."""
    return start_mariadb(services, settings.MARIADB_PORT)


@pytest.fixture(scope="session")
def xrootd_sites(services: Session) -> Callable[[], XrootdSite]:
    """Call it for a new running XRootD server over an empty directory."""
    return lambda: start_xrootd(services)


@pytest.fixture(scope="session")
def nginx(services: Session) -> Callable[..., NginxServer]:
    """Call it, with lines for its ``server`` block, for a running nginx."""
    return lambda lines="": start_nginx(services, lines)


@pytest.fixture(scope="session")
def chromium(services: Session) -> Iterator[object]:
    """A selenium driver of a headless Chromium."""
    from tests.services.browser import start_chromium

    driver = start_chromium(services.directory / "chromium")
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def child_environment(django_db_setup: None, redis_url: str) -> Callable[..., dict[str, str]]:
    """Call it for the environment of a process (manage.py …) that shall use this test's database and Redis.

    Such a process sees only what is committed: use it with ``transaction=True`` databases.
    """

    def environment(**more: str) -> dict[str, str]:
        name = connection.settings_dict["NAME"]
        database = f"sqlite:///{name}" if connection.vendor == "sqlite" else f"{_server_url()}{name}"
        return {**_inherited(), "DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "dynamo_site.settings", **more}

    return environment


def _server_url() -> str:
    return f"mysql://root@127.0.0.1:{settings.MARIADB_PORT}/"


def _inherited() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DYNAMO_TEST"))}
