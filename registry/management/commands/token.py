"""``manage.py token create USER``, ``list``, ``revoke ID``."""

from __future__ import annotations

from inventory.subcommands import SubcommandsCommand
from registry.errors import RegistryError


class Command(SubcommandsCommand):
    help = "Bearer tokens of users and services."
    package = "registry.commands.token"
    names = ("create", "list", "revoke")
    errors = (RegistryError,)
