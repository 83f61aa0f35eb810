"""``manage.py application submit|list|show|log|kill|authorise``."""

from __future__ import annotations

from inventory.subcommands import SubcommandsCommand


class Command(SubcommandsCommand):
    help = "Users' own programs: submit one, follow it, end it, and say which may write."
    package = "scheduler.commands.application"
    names = ("submit", "list", "show", "log", "kill", "authorise")
