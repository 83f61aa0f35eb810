"""``manage.py detox …``: run cycles, look at them, explain decisions, simulate."""

from __future__ import annotations

import pkgutil

from detox import commands
from inventory.subcommands import SubcommandsCommand


class Command(SubcommandsCommand):
    """Every module of ``detox.commands`` is a subcommand."""

    help = "Watermark deletion: run cycles, look at them, explain decisions, simulate."
    package = commands.__name__
    names = tuple(sorted(module.name for module in pkgutil.iter_modules(commands.__path__)))
