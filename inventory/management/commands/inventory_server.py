"""``manage.py inventory_server``: lead the inventory until stopped."""

from __future__ import annotations

import signal
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from inventory.errors import InventoryError
from inventory.server.process import Places, ServerProcess
from inventory.settings import inventory_settings


class Command(BaseCommand):
    # Of the settings only: to check all pages takes as long as to start.
    requires_system_checks: ClassVar[list[str]] = ["dynamo"]  # type: ignore[misc]
    help = "Serve the inventory: take change sets, keep the image, tables and checkpoints. SIGTERM or Ctrl-C ends it cleanly."

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--take-over", action="store_true", help="take the lead from a server that runs; it then ends")
        how.add_argument(
            "--standby", action="store_true", help="wait until the server that leads ends or dies, then lead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            server = ServerProcess(_places(), inventory_settings(), options["take_over"], options["standby"])
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: server.stop())
            lost = server.run(self._ready)
        except InventoryError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"the image directory or the address cannot be used: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"the database cannot be used: {error}; is `manage.py migrate` done?") from error
        if lost:
            raise CommandError(f"the server ended by itself: {lost}", returncode=3)

    def _ready(self, status: dict[str, Any]) -> None:
        self.stdout.write(
            f"Inventory server ready at {status['url']}: version {status['version']}, epoch {status['epoch']}"
        )
        self.stdout.flush()


def _places() -> Places:
    return Places(
        settings.INVENTORY_URL,
        settings.INVENTORY_TOKEN,
        settings.INVENTORY_IMAGE_DIR,
        settings.INVENTORY_CHECKPOINT_DIR,
        settings.INVENTORY_HISTORY_DIR,
    )
