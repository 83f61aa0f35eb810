"""Settings of the tests: an own home, private servers (started when a test asks for them), a database file.

DYNAMO_TEST_DATABASE=mariadb runs the tests on MariaDB. The environment is set too, so that processes which tests
start see the same servers; these use the ordinary settings module.
"""

import os

from testbed.processes import free_ports
from tests.services.session import session

_DIRECTORY = session().directory
TEST_DATABASE = os.environ.get("DYNAMO_TEST_DATABASE", "sqlite")
MARIADB_PORT = free_ports(1)[0]
_DATABASE_URLS = {
    "sqlite": f"sqlite:///{_DIRECTORY / 'home' / 'dynamo.sqlite3'}",
    "mariadb": f"mysql://root@127.0.0.1:{MARIADB_PORT}/dynamo",
}
if TEST_DATABASE not in _DATABASE_URLS:
    raise ValueError(f"DYNAMO_TEST_DATABASE={TEST_DATABASE}: choose one of {', '.join(_DATABASE_URLS)}")

os.environ["DYNAMO_HOME"] = str(_DIRECTORY / "home")
os.environ["DATABASE_URL"] = _DATABASE_URLS[TEST_DATABASE]
os.environ["REDIS_URL"] = f"unix://{_DIRECTORY / 'redis.sock'}"
for _name in ("INVENTORY_URL", "INVENTORY_IMAGE_DIR", "INVENTORY_CHECKPOINT_DIR", "INVENTORY_HISTORY_DIR", "INVENTORY_TOKEN",
              "DYNAMO_HISTORY_DIR", "DYNAMO_SECRET_KEY", "DYNAMO_DEBUG"):  # fmt: skip
    os.environ.pop(_name, None)
os.environ["INVENTORY_URL"] = f"grpc://127.0.0.1:{free_ports(1)[0]}"

from dynamo_site.settings import *  # noqa: E402, F403 - the environment had to be set first
from dynamo_site.settings import DATABASES  # noqa: E402

if TEST_DATABASE == "sqlite":
    # A file: in-memory databases are not shared with the processes that tests start, and know no write-ahead log.
    DATABASES["default"]["TEST"] = {"NAME": str(_DIRECTORY / "home" / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# What a test has just changed is on the overview.
OVERVIEW_SECONDS = 0.0
