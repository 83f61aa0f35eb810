"""``manage.py inventory load | export | status | verify | history | compact | query | set | partitions | quota | path-rules``."""

from __future__ import annotations

from typing import ClassVar

from django.db import DatabaseError

from inventory.subcommands import SubcommandsCommand

_PACKAGE = "inventory.commands"
_ORDER = (
    "load",
    "export",
    "status",
    "verify",
    "history",
    "compact",
    "query",
    "set",
    "partitions",
    "quota",
    "path-rules",
)


class Command(SubcommandsCommand):
    """Look at the inventory, and move whole inventories in and out."""

    help = "Load, export, query, check and edit the inventory."
    errors: ClassVar[tuple[type[Exception], ...]] = (DatabaseError,)
    package: ClassVar[str] = _PACKAGE
    names: ClassVar[tuple[str, ...]] = _ORDER
