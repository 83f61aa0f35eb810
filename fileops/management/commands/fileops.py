"""``manage.py fileops …``: advance file operations, look at them, let held ones go."""

from __future__ import annotations

import pkgutil

from fileops import commands
from fileops.errors import StorageError
from fileops.release import NothingChosen
from inventory.subcommands import SubcommandsCommand
from inventory.tuning import TuningError


class Command(SubcommandsCommand):
    """Every module of ``fileops.commands`` is a subcommand."""

    help = "File operations: do what is waiting, show where everything stands and why, let go what is held."
    package = commands.__name__
    errors = (StorageError, TuningError, NothingChosen)
    names = tuple(sorted(module.name for module in pkgutil.iter_modules(commands.__path__)))
