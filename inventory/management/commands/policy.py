"""``manage.py policy check FILE…``: whether policy and partitions files can be used, and what looks odd in them."""

from __future__ import annotations

from typing import ClassVar

from inventory.subcommands import SubcommandsCommand


class Command(SubcommandsCommand):
    """Work on policy files."""

    help = "Check policy and partitions files."
    package: ClassVar[str] = "inventory.policy.commands"
    names: ClassVar[tuple[str, ...]] = ("check",)
