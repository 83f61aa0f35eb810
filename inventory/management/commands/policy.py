"""``manage.py policy …``: whether files can be used, which texts are in force, and which were."""

from __future__ import annotations

from typing import ClassVar

from inventory.subcommands import SubcommandsCommand


class Command(SubcommandsCommand):
    """Work on policy files."""

    help = "Check policies, put them in force, and look at their history."
    # A repository of policies checks them where there is nothing else of Dynamo.
    requires_system_checks: list[str] = []
    package: ClassVar[str] = "inventory.policy.commands"
    names: ClassVar[tuple[str, ...]] = ("check", "load", "history", "show", "diff", "restore", "retire")
