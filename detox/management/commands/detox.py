"""``manage.py detox …``: run cycles, look at them, explain decisions, simulate."""

from __future__ import annotations

import pkgutil

from detox import commands
from detox.settings import SettingsError
from inventory.subcommands import SubcommandsCommand
from inventory.tuning import TuningError


class Command(SubcommandsCommand):
    """Every module of ``detox.commands`` is a subcommand."""

    help = "Watermark deletion: run cycles, look at them, explain decisions, simulate."
    package = commands.__name__
    errors = (SettingsError, TuningError)
    names = tuple(sorted(module.name for module in pkgutil.iter_modules(commands.__path__)))
