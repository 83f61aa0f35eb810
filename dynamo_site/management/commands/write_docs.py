"""``manage.py write_docs``: make the generated parts of the documentation anew, or check that they are up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dynamo_site import reference
from inventory.policy import reference as policies
from registry import access_reference
from registry import reference as endpoints

PAGES: dict[str, Callable[[str], str]] = {
    "access.md": access_reference.filled, "policy-language.md": policies.filled, "classic-interface.md": endpoints.filled, "architecture.md": reference.filled,
    "deployment.md": reference.filled, "settings.md": reference.filled, "commands.md": reference.filled,
    "dynamo-command.md": reference.filled,
}  # fmt: skip
"""Pages under docs/ with generated parts: each function takes a page's text and gives it with these parts made anew."""


class Command(BaseCommand):
    """Write the pages whose generated parts have changed."""

    help = "Make the generated parts of the documentation anew."

    def add_arguments(self, parser: CommandParser) -> None:
        """Only to check, for continuous integration."""
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through all pages."""
        stale = []
        for name, fill in PAGES.items():
            path = settings.BASE_DIR / "docs" / name
            page = path.read_text()
            if (text := fill(page)) != page:
                stale.append(name)
                if not options["check"]:
                    path.write_text(text)
                    self.stdout.write(f"{path}: written")
        if stale and options["check"]:
            raise CommandError(f"out of date: {', '.join(stale)}; run `manage.py write_docs`")
