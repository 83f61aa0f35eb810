"""One management command with subcommands, each a module with ``HELP``, ``add_arguments(parser)`` and ``run(options, out)``."""

from __future__ import annotations

import getpass
import importlib
import os
from argparse import ArgumentTypeError
from types import ModuleType
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.errors import InventoryError


def login_name() -> str:
    """Who runs the command; a number where the account has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"


def count(text: str) -> int:
    """A whole number, 0 or more, for ``type`` of an option. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r}: give a whole number, 0 or more")
    return int(text)


class SubcommandsCommand(BaseCommand):
    """Set ``package`` to where the modules are and ``names`` to their names, in the order of the help text.

    Errors of ``errors`` become one clear line instead of a traceback; Ctrl-C ends with status 130.
    """

    package: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    errors: ClassVar[tuple[type[Exception], ...]] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Make a parser for each subcommand; only the chosen one's module does any work."""
        choices = parser.add_subparsers(dest="subcommand", required=True, metavar="|".join(self.names))
        for name in self.names:
            module = self._module(name)
            module.add_arguments(choices.add_parser(name, help=module.HELP, description=module.HELP))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the chosen subcommand."""
        expected: tuple[type[Exception], ...] = (InventoryError, *self.errors)
        try:
            self._module(options["subcommand"]).run(options, self.stdout)
        except expected as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("interrupted", returncode=130) from None

    def _module(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self.package}.{name.replace('-', '_')}")
