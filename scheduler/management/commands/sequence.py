"""``manage.py sequence import|export|list|start|stop|show``."""

from __future__ import annotations

from inventory.subcommands import SubcommandsCommand


class Command(SubcommandsCommand):
    help = "Sequences of programs: import and export classic files, start, stop, and see where each stands."
    package = "scheduler.commands.sequence"
    names = ("import", "export", "list", "start", "stop", "show")
