"""`manage.py redis_server`: the Redis of the Python packages, for those who have no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import redis
from django.core.management import CommandError

from dynamo_site.management.commands.redis_server import command_line

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_redis_keeps_what_it_had_when_it_is_started_again():
    with tempfile.TemporaryDirectory(prefix="redis-") as home:
        socket = Path(home) / "redis.sock"
        environment = {
            **os.environ,
            "DYNAMO_HOME": home,
            "REDIS_URL": f"unix://{socket}",
            "DJANGO_SETTINGS_MODULE": "dynamo_site.settings",
        }
        for expected in (None, b"kept"):
            server = subprocess.Popen([sys.executable, "manage.py", "redis_server"], cwd=ROOT, env=environment)
            try:
                client = connected(socket)
                assert client.get("word") == expected
                client.set("word", "kept")
                assert socket.stat().st_mode & 0o077 == 0, "nobody else may connect"
            finally:
                server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0


def connected(socket: Path) -> redis.Redis:
    client = redis.Redis(unix_socket_path=str(socket))
    for _ in range(200):
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.05)
        else:
            return client
    raise AssertionError("Redis did not start")


@pytest.mark.parametrize(
    ("url", "why"),
    [("redis://db.example.org/0", "not a Unix socket"), (f"unix:///{'deep/' * 30}redis.sock", "at most 100")],
)
def test_what_it_cannot_be_is_told(url, why):
    with pytest.raises(CommandError, match=why):
        command_line(url, "/var/lib/dynamo")
