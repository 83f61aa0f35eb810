"""``manage.py beat``: sends each task when its schedule says so."""

from __future__ import annotations

from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Runs Celery's beat on the schedules in the database."""

    help = "Send tasks as the schedules in the database say; one per installation. Ends on SIGTERM and Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until told to end."""
        # No pid file: whoever starts the process looks after it.
        current_app.start(["--quiet", "beat", "--loglevel=INFO", "--pidfile="])
