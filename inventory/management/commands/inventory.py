"""``manage.py inventory load | export | status | verify | query``."""

from __future__ import annotations

import importlib.util
from typing import ClassVar

from django.db import DatabaseError

from inventory.subcommands import SubcommandsCommand

_PACKAGE = "inventory.commands"
_ORDER = ("load", "export", "status", "verify", "query")


class Command(SubcommandsCommand):
    """Look at the inventory, and move whole inventories in and out."""

    help = "Load, export, query and check the inventory."
    errors: ClassVar[tuple[type[Exception], ...]] = (DatabaseError,)
    package: ClassVar[str] = _PACKAGE
    names: ClassVar[tuple[str, ...]] = tuple(name for name in _ORDER if importlib.util.find_spec(f"{_PACKAGE}.{name}"))
