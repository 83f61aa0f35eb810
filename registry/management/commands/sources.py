"""``manage.py sources list|check|run|kinds``."""

from __future__ import annotations

from inventory.subcommands import SubcommandsCommand


class Command(SubcommandsCommand):
    help = "Attribute sources: how they are, what they say, and reading them now."
    package = "registry.commands.sources"
    names = ("list", "check", "run", "kinds")
