"""All ``manage.py`` commands with their arguments, from their own parsers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from inventory.subcommands import login_name

_OWN = {action.dest for action in BaseCommand().create_parser("manage.py", "x")._actions}


def manage() -> str:
    """``manage.py`` commands of Dynamo's own components (Django has more: ``manage.py help``)."""
    parts = []
    for name, application in sorted(get_commands().items()):
        if application not in _COMPONENTS or not apps.is_installed(application):
            continue
        parser = load_command_class(application, name).create_parser("manage.py", name)
        parts += [_section(path, one) for path, one in leaves(f"manage.py {name}", parser)]
    return "\n".join(parts)


_COMPONENTS = {
    "inventory", "scheduler", "registry", "fileops", "detox", "dealer", "consistency", "dynamo_site",
}  # fmt: skip


def leaves(path: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command without further subcommands below ``parser``, with all its words."""
    choices = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not choices:
        yield path, parser
    for action in choices:
        for name, below in action.choices.items():
            yield from leaves(f"{path} {name}", below)


def _section(path: str, parser: argparse.ArgumentParser) -> str:
    arguments = [action for action in parser._actions if action.dest not in _OWN | {"help"}]
    words = " ".join([path, *(_word(action) for action in arguments)])
    says = " ".join((parser.description or "").split())
    lines = [_line(action, parser) for action in arguments if action.help]
    return f"#### `{path}`\n\n{says[:1].upper()}{says[1:].rstrip('.')}.\n\n```\n{words}\n```\n" + (
        "\n" + "\n".join(lines) + "\n" if lines else ""
    )


def _word(action: argparse.Action) -> str:
    value = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    many = "…" if action.nargs in ("*", "+") else ""
    if not action.option_strings:
        return f"[{value}{many}]" if action.nargs in ("?", "*") else f"{value}{many}"
    word = action.option_strings[-1] if action.nargs == 0 else f"{action.option_strings[-1]} {value}{many}"
    return word if action.required else f"[{word}]"


def _line(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    name = action.option_strings[-1] if action.option_strings else action.metavar or action.dest.upper()
    says = parser._get_formatter()._expand_help(action).replace(f"(default: {login_name()})", "(default: you)")
    # What depends on the environment of whoever writes the pages is not told.
    told = re.sub(r" [(]\d+[)]", "", says)
    return f"- `{name}`: {told}"
