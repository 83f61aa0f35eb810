"""``manage.py setup_schedules``: puts the components' schedules into the database."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from scheduler import schedules


class Command(BaseCommand):
    """Adds what is missing; what operators changed stays as it is."""

    help = "Add the components' schedules that are not in the database yet; existing ones stay as operators made them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Form of the answer."""
        parser.add_argument("--json", action="store_true", help="tell the added names as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Add them and tell which."""
        declared = schedules.declared()
        added = schedules.write(declared)
        if options["json"]:
            self.stdout.write(json.dumps({"declared": [schedule.name for schedule in declared], "added": added}))
            return
        self.stdout.write(f"{len(declared)} schedules, {len(added)} of them new")
        for name in added:
            self.stdout.write(f"  {name}")
