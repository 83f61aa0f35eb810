"""``manage.py worker``: does the tasks that beat and the web pages send."""

from __future__ import annotations

from typing import Any

from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from scheduler.worker import watch_over_worker


class Command(BaseCommand):
    """Runs Celery's worker with the only pool that is safe here."""

    help = "Do the tasks that are sent, each cycle in a process of its own. Ends cleanly on SIGTERM and Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """How many tasks at a time."""
        parser.add_argument(
            "--concurrency", type=int, default=settings.CELERY_WORKER_CONCURRENCY,
            help="tasks at a time (%(default)s); a cycle takes one place for as long as it goes on",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to end."""
        watch_over_worker()
        # Threads: processes forked from one that has used Polars or gRPC hang.
        current_app.start([
            "--quiet", "worker", "--pool=threads", f"--concurrency={options['concurrency']}", "--loglevel=INFO",
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        ])  # fmt: skip
