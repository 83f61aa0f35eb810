"""``manage.py run_task NAME``: what the worker starts for each cycle; also for trying a task by hand."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from typing import Any

from celery import Task, current_app
from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler import lifeline
from scheduler.record import JOB_VARIABLE
from scheduler.settings import scheduler_settings


class Command(BaseCommand):
    """Calls one task's function in this process."""

    help = "Run one task in this process, with its arguments as a JSON object on standard input or --arguments."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The task and, by hand, its arguments."""
        parser.add_argument("task", help="its name, as detox.cycle")
        parser.add_argument("--arguments", metavar="JSON", help='as {"partition": "Physics"}; default: standard input')

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it; an error of the task ends this process with status 1."""
        lifeline.end_on_sigterm()
        task = _task(options["task"])
        text = options["arguments"] if options["arguments"] is not None else lifeline.first_line()
        if JOB_VARIABLE in os.environ:
            lifeline.end_with_the_worker(scheduler_settings().grace)
        try:
            task.run(**_arguments(text))
        except KeyboardInterrupt:
            raise CommandError("interrupted", returncode=130) from None


def _task(name: str) -> Task:
    # Where it usually is, then an installation's own, then everywhere: the other components need not be imported.
    for look in (lambda: _import_component(name), _import_own, current_app.loader.import_default_modules):
        if name not in current_app.tasks:
            look()
    if name not in current_app.tasks:
        known = ", ".join(sorted(known for known in current_app.tasks if not known.startswith("celery.")))
        raise CommandError(f"no task {name!r}; there are {known}")
    return current_app.tasks[name]


def _import_component(name: str) -> None:
    module = f"{name.partition('.')[0]}.tasks"
    if apps.is_installed(name.partition(".")[0]) and importlib.util.find_spec(module) is not None:
        importlib.import_module(module)


def _import_own() -> None:
    for module in current_app.conf.imports:
        importlib.import_module(module)


def _arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise CommandError(f"the arguments are not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise CommandError(f"the arguments have to be a JSON object, not {text}")
    return arguments
