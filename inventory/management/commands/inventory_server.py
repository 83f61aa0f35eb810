"""``manage.py inventory_server``: lead the inventory until stopped."""

from __future__ import annotations

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.errors import InventoryError
from inventory.server.process import Places, ServerProcess
from inventory.settings import inventory_settings


class Command(BaseCommand):
    help = "Serve the inventory: take change sets, keep the image, tables and checkpoints. SIGTERM or Ctrl-C ends it cleanly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--take-over", action="store_true", help="take the lead from a server that runs; it then ends"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        places = Places(
            settings.INVENTORY_URL,
            settings.INVENTORY_TOKEN,
            settings.INVENTORY_IMAGE_DIR,
            settings.INVENTORY_CHECKPOINT_DIR,
        )
        server = ServerProcess(places, inventory_settings(), options["take_over"])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        try:
            lost = server.run(self._ready)
        except InventoryError as error:
            raise CommandError(str(error)) from error
        if lost:
            raise CommandError(f"another server leads now: {lost}", returncode=3)

    def _ready(self, status: dict[str, Any]) -> None:
        self.stdout.write(
            f"Inventory server ready at {status['url']}: version {status['version']}, epoch {status['epoch']}"
        )
        self.stdout.flush()
